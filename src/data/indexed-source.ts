import { hashOf } from "../util/hash.ts";
import { DataError } from "./data-error.ts";
import type { Concept, DataSource, LeftOut, Role, SampleRecord, Split } from "./source.ts";

/** A record before its id and captions are settled. */
export interface FoundSample extends Omit<SampleRecord, "id" | "captions"> {
  /** Unique in its data set, the same whatever the order of files. */
  readonly key: string;
  /** May be empty where there is a class. */
  readonly captions: readonly string[];
  /** Of the image's file or member; undefined where it is missing. */
  readonly bytes: number | undefined;
}

export interface FoundDataset {
  readonly name: string;
  readonly role: Role;
  readonly templates: readonly string[];
  readonly samples: readonly FoundSample[];
  readonly leftOut?: readonly LeftOut[];
}

/** A source over an index in memory: sorts, checks, and gives each class's sentence to samples without a caption. @throws {DataError} for a key that occurs twice, and for no samples. */
export function indexedSource(found: FoundDataset): DataSource {
  const { name, role, templates } = found;
  if (found.samples.length === 0) throw new DataError(`${name}: no samples found`, { fix: firstReason(found) });
  const samples = [...found.samples].sort((a, b) => (a.key < b.key ? -1 : 1));
  samples.forEach((sample, i) => {
    if (samples[i - 1]?.key === sample.key) throw new DataError(`${name}: "${sample.key}" occurs twice`, { fix: "remove one of them" });
  });
  const records = samples.map((sample) => recordOf(name, templates[0] ?? "{}", sample));
  const bySplit: Readonly<Record<Split, readonly SampleRecord[]>> = {
    train: records.filter((record) => record.split === "train"),
    test: records.filter((record) => record.split === "test"),
  };
  const hasClasses = records.every((record) => record.className !== undefined);
  const classNames = hasClasses ? [...new Set(records.map((record) => record.className ?? ""))].sort() : [];
  const facts = samples.map(({ key, className, captions, split, year, bytes, image }, i) => ({
    key,
    className,
    captions,
    split,
    year,
    bytes: bytes ?? null,
    // A place inside a file says more than the file's size; a path says nothing of the data.
    at: "offset" in image ? image.offset : "row" in image ? image.row : i,
  }));
  const concepts = conceptsOf(name, bySplit.train, hasClasses);
  return {
    name,
    task: hasClasses ? "classification" : bySplit.test.length > 0 ? "retrieval" : "caption",
    role,
    fingerprint: hashOf({ name, role, templates, facts }),
    classNames,
    templates,
    licences: [],
    leftOut: found.leftOut ?? [],
    records: (split) => bySplit[split],
    concepts: () => concepts,
  };
}

function firstReason({ leftOut }: FoundDataset): string {
  const first = leftOut?.[0];
  return first ? `${leftOut.length} were left out, the first: ${first.item}: ${first.reason}` : "look at the path and its layout";
}

function recordOf(dataset: string, template: string, { key, bytes: _, captions, ...rest }: FoundSample): SampleRecord {
  const filled = captions.length > 0 ? captions : [template.replaceAll("{}", rest.className ?? "")];
  return { id: `${dataset}/${key}`, captions: filled, ...rest };
}

function conceptsOf(dataset: string, train: readonly SampleRecord[], hasClasses: boolean): readonly Concept[] {
  const groups = new Map<string, SampleRecord[]>();
  for (const record of train) {
    const name = hasClasses ? (record.className ?? "") : "all";
    const group = groups.get(name);
    if (group) group.push(record);
    else groups.set(name, [record]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, records]) => {
      const years = records.map((record) => record.year).filter((year) => year !== undefined);
      const stats = years.length > 0 ? { year: years.reduce((a, b) => Math.min(a, b)) } : {};
      return { id: `${dataset}/${name}`, dataset, name, samples: records.map((record) => record.id), stats };
    });
}

/** Share of a data set without splits that is kept for testing, by a hash of the key: adding samples moves none of the others. */
export function splitOf(key: string, testShare: number): Split {
  return Number.parseInt(hashOf(key).slice(0, 8), 16) / 2 ** 32 < testShare ? "test" : "train";
}

/** `train` and `test` from the words data sets use; undefined for another word. */
export function splitNamed(word: string): Split | "validation" | undefined {
  const lower = word.toLowerCase();
  if (lower === "train" || lower === "training") return "train";
  if (lower === "test" || lower === "testing") return "test";
  return ["val", "valid", "validation", "dev"].includes(lower) ? "validation" : undefined;
}

/** A sample that may belong to a validation split. */
export interface UnsettledSample extends Omit<FoundSample, "split"> {
  readonly split: Split | "validation";
}

/**
 * Settles what a split does not say: validation stands for a missing test split and is left alone beside one; where the same key occurs more than once (an image with a
 * row for each caption), the captions' hash tells the samples apart, and a number where even those are equal.
 */
export function settled(samples: readonly UnsettledSample[]): readonly FoundSample[] {
  const hasTest = samples.some(({ split }) => split === "test");
  const counts = new Map<string, number>();
  for (const { key } of samples) counts.set(key, (counts.get(key) ?? 0) + 1);
  const seen = new Map<string, number>();
  return samples.flatMap((sample) => {
    if (sample.split === "validation" && hasTest) return [];
    const split = sample.split === "validation" ? "test" : sample.split;
    if (counts.get(sample.key) === 1) return [{ ...sample, split }];
    const hashed = `${sample.key}#${hashOf([sample.captions, sample.className]).slice(0, 8)}`;
    const times = (seen.get(hashed) ?? 0) + 1;
    seen.set(hashed, times);
    return [{ ...sample, split, key: times === 1 ? hashed : `${hashed}.${times}` }];
  });
}
