import { renderPixels } from "../data/pixels.ts";
import { ImageReader } from "../data/read-image.ts";
import { type DataSource, datasetOf, type SampleId, type SampleRecord } from "../data/source.ts";
import { createFingerprintIndex } from "../evaluation/fingerprint-index.ts";
import { fingerprintOf, type PictureFingerprint } from "../evaluation/picture-fingerprint.ts";
import { groupBy } from "../util/group-by.ts";
import { sha256 } from "../util/hash.ts";

/** How a test item came up among training data, the surest first: equal bytes, equal pixels, the same picture in another size or encoding, one that means the same to a model, a caption of the same words. */
export const contaminationKinds = ["bytes", "pixels", "near", "semantic", "caption"] as const;
export type ContaminationKind = (typeof contaminationKinds)[number];

/** How far below the threshold of its cosine a pair is worth a look. */
export const borderlineWidth = 0.02;

/** A test item that was found among training data. */
export interface Contaminated {
  readonly set: string;
  readonly item: SampleId;
  readonly kind: ContaminationKind;
  /** Training set. */
  readonly pool: string;
  /** The first training sample of that set that it was found as. */
  readonly sample: SampleId;
  /** Cosine of the two image embeddings, where it was found by them. */
  readonly similarity?: number;
}

export interface ContaminationReport {
  /** By test set and item; one entry for each training set, of the surest kind. */
  readonly found: readonly Contaminated[];
  readonly tested: number;
  readonly trained: number;
  /** Pictures that could not be read: they were not compared. */
  readonly unreadable: readonly SampleId[];
}

export interface ContaminationOptions {
  /** Pictures read at once. */
  readonly lanes?: number;
  readonly progress?: (done: number, of: number) => void;
}

interface Read {
  readonly record: SampleRecord;
  readonly bytes: string;
  readonly pixels: string;
  readonly fingerprint: PictureFingerprint;
}

/**
 * Looks for the test items of some sets among the training samples of others. Captions are compared for sets of image-text pairs alone: sentences made from class names
 * say nothing. Test pictures stay in memory by a kilobyte each, training pictures pass by.
 */
export async function findContamination(
  tested: readonly DataSource[],
  trained: readonly DataSource[],
  options: ContaminationOptions = {},
): Promise<ContaminationReport> {
  const items = tested.flatMap((source) => source.records("test"));
  const pools = trained.map((source) => source.records("train"));
  const samples = pools.flat();
  const of = items.length + samples.length;
  const unreadable: SampleId[] = [];
  const known: Read[] = [];
  const progress = (done: number): void => options.progress?.(done, of);
  for await (const each of inOrder(items, options)) {
    if ("fingerprint" in each) known.push(each);
    else unreadable.push(each.record.id);
    progress(known.length + unreadable.length);
  }
  const pairs = new Set(tested.flatMap(({ name, task }) => (task === "classification" ? [] : [name])));
  const search = new Search(
    known,
    items.filter(({ id }) => pairs.has(datasetOf(id))),
  );
  let done = items.length;
  for await (const each of inOrder(samples, options)) {
    if (!("fingerprint" in each)) unreadable.push(each.record.id);
    search.meet(each.record, "fingerprint" in each ? each : undefined);
    progress(++done);
  }
  return { found: search.found(), tested: items.length, trained: samples.length, unreadable };
}

/** Words of a caption, each once and sorted, without case and marks: two captions of the same words say the same. */
export function captionWords(caption: string): string {
  return [
    ...new Set(
      caption
        .normalize("NFKC")
        .toLowerCase()
        .match(/[\p{L}\p{N}]+/gu) ?? [],
    ),
  ]
    .sort()
    .join(" ");
}

/** What is known of the test items, asked sample by sample. */
class Search {
  private readonly items: readonly Read[];
  private readonly byBytes: ReadonlyMap<string, readonly Read[]>;
  private readonly byPixels: ReadonlyMap<string, readonly Read[]>;
  private readonly index: ReturnType<typeof createFingerprintIndex>;
  private readonly byWords: ReadonlyMap<string, readonly { readonly id: SampleId }[]>;
  private readonly hits = new Map<string, Contaminated>();

  constructor(items: readonly Read[], captioned: readonly SampleRecord[]) {
    this.items = items;
    this.byBytes = groupBy(items, ({ bytes }) => bytes);
    this.byPixels = groupBy(items, ({ pixels }) => pixels);
    this.index = createFingerprintIndex(items.map(({ fingerprint }) => fingerprint));
    const told = captioned.flatMap(({ id, captions }) => [...new Set(captions.map(captionWords))].map((words) => ({ id, words })));
    this.byWords = groupBy(
      told.filter(({ words }) => words !== ""),
      ({ words }) => words,
    );
  }

  meet(sample: SampleRecord, read: Read | undefined): void {
    if (read) {
      for (const { record } of this.byBytes.get(read.bytes) ?? []) this.add(record.id, "bytes", sample.id);
      for (const { record } of this.byPixels.get(read.pixels) ?? []) this.add(record.id, "pixels", sample.id);
      for (const place of this.index.copiesOf(read.fingerprint)) this.add(this.items[place]?.record.id ?? "", "near", sample.id);
    }
    for (const caption of sample.captions)
      for (const { id } of this.byWords.get(captionWords(caption)) ?? []) this.add(id, "caption", sample.id);
  }

  /** Sorted by item, then by pool. */
  found(): readonly Contaminated[] {
    return [...this.hits.values()].sort((a, b) => compare(a.item, b.item) || compare(a.pool, b.pool));
  }

  private add(item: SampleId, kind: ContaminationKind, sample: SampleId): void {
    const pool = datasetOf(sample);
    const key = `${item}\n${pool}`;
    const before = this.hits.get(key);
    if (before && contaminationKinds.indexOf(before.kind) <= contaminationKinds.indexOf(kind)) return;
    this.hits.set(key, { set: datasetOf(item), item, kind, pool, sample });
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Pictures as they are read, in the order of the records. */
async function* inOrder(
  records: readonly SampleRecord[],
  { lanes = 4 }: ContaminationOptions,
): AsyncGenerator<Read | { readonly record: SampleRecord }> {
  const reader = new ImageReader();
  const ahead: Promise<Read | { readonly record: SampleRecord }>[] = [];
  for (const record of records) {
    ahead.push(readPicture(reader, record));
    if (ahead.length < lanes) continue;
    const next = await ahead.shift();
    if (next) yield next;
  }
  for (const next of ahead) yield await next;
}

async function readPicture(reader: ImageReader, record: SampleRecord): Promise<Read | { readonly record: SampleRecord }> {
  try {
    const bytes = await reader.bytes(record.image);
    const opened = await reader.open(record.image, bytes);
    const { width, height } = opened;
    const whole = { left: 0, top: 0, width, height };
    const task = { region: whole, target: { width, height }, window: whole, interpolation: "nearest", fill: 0 } as const;
    const data = renderPixels(await opened.pixels(), task);
    return {
      record,
      bytes: sha256(bytes),
      pixels: `${width}x${height} ${sha256(data)}`,
      fingerprint: fingerprintOf({ width, height, data }),
    };
  } catch {
    // Counted by the caller; `data check` says why a picture cannot be read.
    return { record };
  }
}
