import { EvergreenError } from "../util/errors.ts";

/** What retrieval is measured on: images, and captions in any order with the image each belongs to. */
export interface RetrievalTask {
  readonly images: number;
  /** Image of every caption. The owner is the image itself, never its class. */
  readonly owners: ArrayLike<number>;
  /** Similarities of images from…to−1 with all captions, row-major. Asked for twice, and must give the same numbers both times. */
  readonly similarities: (from: number, to: number) => ArrayLike<number>;
  /** Images a block; when absent, as many as keep a block of similarities below 128 MiB. */
  readonly block?: number;
}

/** Ranks from 1; ties go to the lower index. */
export interface RetrievalRanks {
  /** Of every image: the rank of its best own caption among all captions. */
  readonly text: Uint32Array;
  /** Of every caption: the rank of its owner among all images. */
  readonly image: Uint32Array;
}

/** Shares in [0, 1] by CLIP_benchmark's names. */
export interface RetrievalMetrics {
  /** `image_retrieval_recall@K` (captions whose image is among the first K) and `text_retrieval_recall@K`. */
  readonly recalls: Readonly<Record<string, number>>;
  /** Mean of both directions, by K. */
  readonly recall: Readonly<Record<number, number>>;
  readonly reciprocalRank: { readonly image: number; readonly text: number; readonly mean: number };
}

/**
 * Ranks both ways without ever holding the whole matrix.
 * @throws {EvergreenError} when an image has no caption.
 */
export function retrievalRanks(task: RetrievalTask): RetrievalRanks {
  const captionsOf = groupCaptions(task);
  const captions = task.owners.length;
  const owners = Int32Array.from(task.owners);
  const text = new Uint32Array(task.images);
  const ownScore = new Float64Array(captions);
  eachRow(task, (image, row) => {
    const own = captionsOf[image] as readonly number[];
    for (const caption of own) ownScore[caption] = row[caption] as number;
    text[image] = bestRank(row, own);
  });
  const image = new Uint32Array(captions).fill(1);
  eachRow(task, (index, row) => countImagesBefore({ index, row, owners, ownScore }, image));
  return { text, image };
}

/** Recall at each K and mean reciprocal rank of both directions. */
export function retrievalMetrics(ranks: RetrievalRanks, at: readonly number[] = [1, 5, 10]): RetrievalMetrics {
  const recalls: Record<string, number> = {};
  const recall: Record<number, number> = {};
  for (const k of at) {
    const image = shareWithin(ranks.image, k);
    const text = shareWithin(ranks.text, k);
    recalls[`image_retrieval_recall@${k}`] = image;
    recalls[`text_retrieval_recall@${k}`] = text;
    recall[k] = (image + text) / 2;
  }
  const image = meanReciprocal(ranks.image);
  const text = meanReciprocal(ranks.text);
  return { recalls, recall, reciprocalRank: { image, text, mean: (image + text) / 2 } };
}

function groupCaptions({ images, owners }: RetrievalTask): readonly (readonly number[])[] {
  const captionsOf: number[][] = Array.from({ length: images }, () => []);
  for (let caption = 0; caption < owners.length; caption++) {
    const own = captionsOf[owners[caption] as number];
    if (!own) throw new RangeError(`internal: retrieval: caption ${caption} belongs to image ${owners[caption]} of ${images}`);
    own.push(caption);
  }
  const bare = captionsOf.findIndex((own) => own.length === 0);
  if (bare >= 0)
    throw new EvergreenError(`retrieval: image ${bare} of ${images} has no caption`, {
      code: "EG-4201",
      exit: "data",
      fix: "give every image of a retrieval set at least one caption, or leave the image out",
    });
  return captionsOf;
}

type Row = Float32Array | Float64Array;

/** A matrix product reads all captions for each block, so a large block is cheaper an image. */
const blockEntries = 2 ** 25;

function eachRow({ images, owners, similarities, block: given }: RetrievalTask, visit: (image: number, row: Row) => void): void {
  const captions = owners.length;
  const block = given ?? Math.max(1, Math.floor(blockEntries / Math.max(1, captions)));
  for (let from = 0; from < images; from += block) {
    const to = Math.min(images, from + block);
    const found = similarities(from, to);
    if (found.length !== (to - from) * captions)
      throw new RangeError(`internal: retrieval: ${found.length} similarities for ${to - from} images and ${captions} captions`);
    const rows = found instanceof Float32Array ? found : Float64Array.from(found);
    for (let image = from; image < to; image++) visit(image, rows.subarray((image - from) * captions, (image - from + 1) * captions));
  }
}

// The loops below look at every pair. What comes before one's own: an earlier one that is not lower, a later one that is higher. A score that is no number comes
// last when it is one's own and first when it is another's, so it never helps; hence the negations.

/** The best own caption is the highest one, of equal ones the first. */
function bestRank(row: Row, own: readonly number[]): number {
  let best = own[0] as number;
  for (const caption of own) if ((row[caption] as number) > (row[best] as number) || Number.isNaN(row[best] as number)) best = caption;
  const score = row[best] as number;
  let rank = 1;
  for (let caption = 0; caption < best; caption++) if (!((row[caption] as number) < score)) rank++;
  for (let caption = best + 1; caption < row.length; caption++) if (!((row[caption] as number) <= score)) rank++;
  return rank;
}

interface ImageRow {
  readonly index: number;
  readonly row: Row;
  readonly owners: Int32Array;
  readonly ownScore: Float64Array;
}

/** Adds one to the rank of every caption whose own image comes after this one. */
function countImagesBefore({ index, row, owners, ownScore }: ImageRow, ranks: Uint32Array): void {
  for (let caption = 0; caption < row.length; caption++) {
    const owner = owners[caption] as number;
    const score = row[caption] as number;
    const own = ownScore[caption] as number;
    const comesBefore = index < owner ? !(score < own) : index > owner && !(score <= own);
    if (comesBefore) ranks[caption] = (ranks[caption] as number) + 1;
  }
}

function shareWithin(ranks: Uint32Array, k: number): number {
  return ranks.reduce((hits, rank) => hits + (rank <= k ? 1 : 0), 0) / ranks.length;
}

function meanReciprocal(ranks: Uint32Array): number {
  return ranks.reduce((sum, rank) => sum + 1 / rank, 0) / ranks.length;
}
