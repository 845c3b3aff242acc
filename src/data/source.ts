import type { z } from "zod";
import type { Component } from "../util/component.ts";
import { Catalog } from "../util/component.ts";

/** `<data set>/<key>`: the same for the same item for ever, whatever the order of files. */
export type SampleId = string;
/** `<data set>/<class name>`. */
export type ConceptId = string;
/** The data set that a sample or a concept belongs to: ids begin with its name and a slash. */
export const datasetOf = (id: SampleId | ConceptId): string => id.slice(0, id.indexOf("/"));
export type Split = "train" | "test";
/** What a set is for: streamed and scored (adapt), only scored (eval), or standing for the original pretraining data (pool). */
export type Role = "adapt" | "eval" | "pool";

/**
 * Where an image's bytes lie. Plain data, so that a worker thread can read it without the source.
 * `raw` is uint8 RGB, row by row; `planes` is uint8, one channel after the other, each row by row or column by column; the others hold an encoded image.
 */
export type ImageLocation =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "slice"; readonly path: string; readonly offset: number; readonly bytes: number }
  | { readonly kind: "raw"; readonly path: string; readonly offset: number; readonly width: number; readonly height: number }
  | PlanesLocation
  | { readonly kind: "parquet"; readonly path: string; readonly column: string; readonly row: number };

interface PlanesLocation {
  readonly kind: "planes";
  readonly path: string;
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  /** Grey, or red, green and blue. */
  readonly channels: 1 | 3;
  readonly order: "rows" | "columns";
}
/** What an index knows of a sample without opening its image. */
export interface SampleRecord {
  readonly id: SampleId;
  /** Class name; undefined in data that has captions only. */
  readonly className?: string;
  /** At least one. Training draws one of them, everything else takes the first. */
  readonly captions: readonly string[];
  readonly split: Split;
  readonly image: ImageLocation;
  /** When the concept appeared. */
  readonly year?: number;
}

/** The unit a stream is made of: one class of one data set, or one cluster of captions. */
export interface Concept {
  readonly id: ConceptId;
  readonly dataset: string;
  readonly name: string;
  /** Training samples. */
  readonly samples: readonly SampleId[];
  /** What orderings sort by, where it is known. */
  readonly stats: Readonly<Partial<Record<"matchingLoss" | "frequency" | "year", number>>>;
}

/** Something that lies among the data and is no sample, and why. */
export interface LeftOut {
  readonly item: string;
  readonly reason: string;
}

/** What is known of a data set that is not here: enough to plan with, nothing to train on. */
export interface Unopened {
  readonly train: number;
  readonly test: number;
  /** Names of what was looked for and not found. */
  readonly missing: readonly string[];
  /** How a person comes by it. */
  readonly obtain: string;
}

/** One data set. Opening reads its index; images are read by location. */
export interface DataSource {
  readonly name: string;
  readonly task: "classification" | "retrieval" | "caption";
  readonly role: Role;
  /** Hash of the index and of the sizes of its files, so that a plan can tell that the data changed. */
  readonly fingerprint: string;
  /** Evaluation's class list, in label order; empty where there are no classes. */
  readonly classNames: readonly string[];
  /** Prompt templates, `{}` where the class name goes; the first is the single-template one. */
  readonly templates: readonly string[];
  /** Licence and attribution, one line each; empty when unknown. */
  readonly licences: readonly string[];
  /** What was found and cannot be a sample (no caption, no image); absent where nothing can be. */
  readonly leftOut?: readonly LeftOut[];
  /** Set where no data was opened and counts known from elsewhere stand for it: its concepts have ids, and asking for records throws. */
  readonly unopened?: Unopened;
  /** Sorted by id. */
  records(split: Split): readonly SampleRecord[];
  concepts(): readonly Concept[];
  /** The line to print under each picture that may be shown: whose work it is and under which licence. Absent where that is not known by picture. */
  credits?(ids: readonly SampleId[]): ReadonlyMap<SampleId, string>;
}

/** A kind of place where data lies. Its file's name is the scheme a config names it by (`folder:./photos`, `webdataset:…`). */
export interface SourceDefinition<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** What stands behind the scheme picks sets by name or role (`mini-flux:pool`, `mini-flux:emoji-2018,emoji-2019`), where it is no path. */
  readonly selects?: boolean;
  /** True when this source reads what lies at `path` and no scheme was given. */
  recognises(path: string): boolean;
  /** Every data set found there, sorted by name. @throws {DataError} naming the item that cannot be used. */
  open(options: z.output<S>): Promise<readonly DataSource[]>;
  /** The same for a plan: what is not there is told by its counts, where they are known. Absent where nothing is known of data that is not there. */
  plan?(options: z.output<S>): Promise<readonly DataSource[]>;
}

/** Samples of a split, opened or not. */
export const sizeOf = (source: Pick<DataSource, "records" | "unopened">, split: Split): number =>
  source.unopened?.[split] ?? source.records(split).length;

export const sources = new Catalog<SourceDefinition>("source", [new URL("./sources/", import.meta.url)]);
