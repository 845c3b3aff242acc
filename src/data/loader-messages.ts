import type { MessagePort } from "node:worker_threads";
import type { ComponentSpec } from "../util/component.ts";
import type { Preprocess } from "./augment.ts";
import type { DecodeOptions } from "./decode.ts";
import type { RingMemory } from "./ring.ts";
import type { ImageLocation, SampleId } from "./source.ts";

/** Where a row's draws are taken: `Random.at(purpose, {task, index})` of the loader's seed. */
interface DrawAddress {
  /** `crop/update`, `crop/buffer`, `crop/pretraining`. */
  readonly purpose: string;
  readonly task: number;
  /** The row's position in its source. */
  readonly index: number;
}

/** One row of a batch, as plain data. */
export interface RowRequest {
  readonly id: SampleId;
  readonly image: ImageLocation;
  /** One of the loader's transforms, by its key. */
  readonly transform: string;
  readonly draws: DrawAddress;
}

/** What a worker is started with. */
export interface WorkerSetup {
  readonly ring: RingMemory;
  readonly seed: number;
  readonly transforms: Readonly<Record<string, ComponentSpec>>;
  /** Folders of users' own augmentations. */
  readonly plugins: readonly string[];
  readonly preprocess: Preprocess;
  readonly decode: DecodeOptions;
  /** Decoded images this worker may keep. */
  readonly cacheBytes: number;
  /** Rows in work at once. */
  readonly lanes: number;
  /** For what the consumer must read synchronously. */
  readonly reports: MessagePort;
}

/** To a worker: a batch of which it may claim rows, one row that is tried again with other data, or the bytes of a file that all share. */
export type WorkerOrder =
  | { readonly kind: "batch"; readonly slot: number; readonly epoch: number; readonly rows: readonly RowRequest[] }
  | { readonly kind: "again"; readonly slot: number; readonly row: number; readonly request: RowRequest }
  | { readonly kind: "file"; readonly path: string; readonly bytes: SharedArrayBuffer };

/** From a worker: a row that could not be read, or the reason why it died. */
export type WorkerReport =
  | { readonly kind: "failed"; readonly slot: number; readonly row: number; readonly message: string; readonly isData: boolean }
  | { readonly kind: "died"; readonly message: string };
