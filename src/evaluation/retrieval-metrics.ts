import { EvergreenError } from "../util/errors.ts";

/** What retrieval is measured on: images, and captions in any order with the image each belongs to. */
export interface RetrievalTask {
  readonly images: number;
  /** Image of every caption. The owner is the image itself, never its class. */
  readonly owners: ArrayLike<number>;
  /** Similarities of images from…to−1 with all captions, row-major. Asked for twice, and must give the same numbers both times. */
  readonly similarities: (from: number, to: number) => ArrayLike<number>;
  /** Images a block. */
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
  const text = new Uint32Array(task.images);
  const ownScore = new Float64Array(captions);
  eachRow(task, (image, row, at) => {
    const own = captionsOf[image] as readonly number[];
    for (const caption of own) ownScore[caption] = row[at + caption] as number;
    text[image] = bestRank(row, at, { captions, own });
  });
  const image = new Uint32Array(captions).fill(1);
  eachRow(task, (index, row, at) => {
    for (let caption = 0; caption < captions; caption++) {
      const owner = task.owners[caption] as number;
      if (index === owner) continue;
      if (comesBefore(row[at + caption] as number, ownScore[caption] as number, index < owner))
        image[caption] = (image[caption] as number) + 1;
    }
  });
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

function eachRow(
  { images, owners, similarities, block = 256 }: RetrievalTask,
  visit: (image: number, row: ArrayLike<number>, at: number) => void,
): void {
  for (let from = 0; from < images; from += block) {
    const to = Math.min(images, from + block);
    const rows = similarities(from, to);
    if (rows.length !== (to - from) * owners.length)
      throw new RangeError(`internal: retrieval: ${rows.length} similarities for ${to - from} images and ${owners.length} captions`);
    for (let image = from; image < to; image++) visit(image, rows, (image - from) * owners.length);
  }
}

/** The best own caption is the highest one, of equal ones the first. */
function bestRank(
  row: ArrayLike<number>,
  at: number,
  { captions, own }: { readonly captions: number; readonly own: readonly number[] },
): number {
  let best = own[0] as number;
  for (const caption of own)
    if ((row[at + caption] as number) > (row[at + best] as number) || Number.isNaN(row[at + best] as number)) best = caption;
  const score = row[at + best] as number;
  let rank = 1;
  for (let caption = 0; caption < captions; caption++)
    if (caption !== best && comesBefore(row[at + caption] as number, score, caption < best)) rank++;
  return rank;
}

/** A score that is no number comes last when it is one's own and first when it is another's, so it never helps. */
function comesBefore(other: number, own: number, isEarlier: boolean): boolean {
  return isEarlier ? !(other < own) : !(other <= own);
}

function shareWithin(ranks: Uint32Array, k: number): number {
  return ranks.reduce((hits, rank) => hits + (rank <= k ? 1 : 0), 0) / ranks.length;
}

function meanReciprocal(ranks: Uint32Array): number {
  return ranks.reduce((sum, rank) => sum + 1 / rank, 0) / ranks.length;
}
