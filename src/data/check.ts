import { sha256 } from "../util/hash.ts";
import { reasonOf } from "./data-error.ts";
import { imageFormat, promisedFormat } from "./image-format.ts";
import { holdsPixels } from "./pixel-location.ts";
import { describeLocation, ImageReader } from "./read-image.ts";
import type { DataSource, SampleId, SampleRecord } from "./source.ts";

/** What was found in one data set. Lists are in the order of ids. */
export interface DataCheck {
  readonly dataset: string;
  readonly task: DataSource["task"];
  readonly train: number;
  readonly test: number;
  readonly classes: number;
  /** Images that decode to the end. */
  readonly readable: number;
  readonly unreadable: readonly { readonly id: SampleId; readonly item: string; readonly reason: string }[];
  /** Images whose name promises another format than their content has. They are read all the same. */
  readonly misnamed: readonly { readonly id: SampleId; readonly item: string; readonly is: string }[];
  /** Samples with the same bytes, two or more in each group. */
  readonly duplicates: readonly (readonly SampleId[])[];
  /** Of these, the groups that reach from training into testing. */
  readonly leaks: number;
  /** Captions over the limit with start and end token; the rest of them is cut off in training. */
  readonly longCaptions: readonly { readonly id: SampleId; readonly tokens: number }[];
  /** What lies among the data and is no sample. */
  readonly leftOut: DataSource["leftOut"] & {};
}

export interface CheckOptions {
  /** Tokens of a text with start and end, before any cut; without it captions are not counted. */
  readonly countTokens?: (text: string) => number;
  /** Longest text a model sees. Default 77. */
  readonly maxTokens?: number;
  /** Decodes at once. Default 4, libuv's number of threads. */
  readonly lanes?: number;
  /** Called after each image. */
  readonly progress?: (done: number, of: number) => void;
}

interface Finding {
  readonly digest?: string;
  readonly unreadable?: string;
  readonly is?: string;
}

/** Reads and decodes every image of a data set and counts what is wrong. Writes nothing; throws for nothing that an image can do. */
export async function checkData(source: DataSource, options: CheckOptions = {}): Promise<DataCheck> {
  const { maxTokens = 77, countTokens } = options;
  const train = source.records("train");
  const test = source.records("test");
  const records = [...train, ...test];
  const findings = await inspectAll(records, options);
  const listed = records.map((record, i) => ({ id: record.id, item: describeLocation(record.image), ...findings[i] }));
  const duplicates = groupsOf(listed);
  const tested = new Set(test.map(({ id }) => id));
  return {
    dataset: source.name,
    task: source.task,
    train: train.length,
    test: test.length,
    classes: source.classNames.length,
    readable: listed.filter(({ unreadable }) => unreadable === undefined).length,
    unreadable: listed.flatMap(({ id, item, unreadable }) => (unreadable === undefined ? [] : [{ id, item, reason: unreadable }])),
    misnamed: listed.flatMap(({ id, item, is }) => (is === undefined ? [] : [{ id, item, is }])),
    duplicates,
    leaks: duplicates.filter((group) => new Set(group.map((id) => tested.has(id))).size === 2).length,
    longCaptions: countTokens ? records.flatMap((record) => longest(record, countTokens, maxTokens)) : [],
    leftOut: source.leftOut ?? [],
  };
}

async function inspectAll(records: readonly SampleRecord[], { lanes = 4, progress }: CheckOptions): Promise<readonly Finding[]> {
  const reader = new ImageReader();
  const findings: Finding[] = [];
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < records.length; i = next++) {
      findings[i] = await inspect(reader, records[i] as SampleRecord);
      progress?.(++done, records.length);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return findings;
}

async function inspect(reader: ImageReader, { image }: SampleRecord): Promise<Finding> {
  try {
    const bytes = await reader.bytes(image);
    const digest = sha256(bytes);
    if (holdsPixels(image)) return { digest };
    const opened = await reader.open(image, bytes);
    await opened.pixels();
    const { found } = imageFormat(bytes);
    const promised = image.kind === "file" ? promisedFormat(image.path) : undefined;
    return promised !== undefined && promised !== found ? { digest, is: found } : { digest };
  } catch (error) {
    return { unreadable: reasonOf(error) };
  }
}

function groupsOf(listed: readonly ({ readonly id: SampleId } & Finding)[]): readonly (readonly SampleId[])[] {
  const byDigest = new Map<string, SampleId[]>();
  for (const { id, digest } of listed) {
    if (digest === undefined) continue;
    const group = byDigest.get(digest);
    if (group) group.push(id);
    else byDigest.set(digest, [id]);
  }
  return [...byDigest.values()].filter((group) => group.length > 1);
}

function longest(
  { id, captions }: SampleRecord,
  countTokens: (text: string) => number,
  limit: number,
): { readonly id: SampleId; readonly tokens: number }[] {
  const tokens = captions.reduce((most, caption) => Math.max(most, countTokens(caption)), 0);
  return tokens > limit ? [{ id, tokens }] : [];
}
