import type { Lineage } from "./lineage.ts";
import type { Measurement } from "./measurement.ts";

/** Which weights were evaluated; `inside` are those in training in the middle of a task. */
export type WeightsState = "live" | "deployed" | "ema" | "merged" | "inside";
/** Why a checkpoint was made. */
export type CheckpointKind = "interval" | "task_end" | "stop" | "finish";

/** Knowledge accumulation, zero-shot retention and their geometric mean, each over the sets it lists. */
export interface Scores {
  readonly ka?: Measurement;
  readonly zs?: Measurement;
  readonly gm?: Measurement;
  /** KA over the test items of concepts that were trained already, and of those still to come, where the stream's concepts are classes. */
  readonly kaSeen?: Measurement;
  readonly kaFuture?: Measurement;
  readonly kaSets: readonly string[];
  readonly zsSets: readonly string[];
  /** Sets with the role of adaptation that this stream does not hold. */
  readonly notStreamed?: readonly string[];
  /** Where `eval.splits` asks for it. */
  readonly splits?: SplitScores;
}

/** Scores on the tests of a stream in time (arXiv:2310.16226): a row of the matrix of tasks by tests of tasks. */
export interface SplitScores {
  /** On the test items of sets that are never trained on. */
  readonly static?: Measurement;
  /** On the test items of each task's own concepts; null where none was scored. */
  readonly dynamic: readonly (Measurement | null)[];
}

/** One step, as the trainer saw it. Steps count from 1: `step` is the number of applied steps after it. */
export interface StepEvent {
  readonly type: "step";
  readonly task: number;
  /** Over the whole run. */
  readonly step: number;
  /** Rows of all sources drawn so far. */
  readonly samples: number;
  /** By name; `loss` is what was minimised. */
  readonly losses: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly logitScale?: number;
  readonly gradientNorm?: number;
  /** Wall time of the step and the part of it spent waiting for data; not reproducible, and kept out of digests. */
  readonly timing?: { readonly batchMs: number; readonly dataMs: number };
}

export interface EvaluatedEvent {
  readonly type: "evaluated";
  /** -1 before the first task. */
  readonly task: number;
  readonly step: number;
  readonly state: WeightsState;
  /** Data set. */
  readonly source: string;
  readonly role: "adapt" | "eval" | "pool";
  readonly evaluator: string;
  /** The one metric that enters KA or ZS. */
  readonly headline: string;
  readonly measurements: readonly Measurement[];
  /** How it was measured, where options or data decided that. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly durationMs?: number;
  /** Digests of the weights and of the data. */
  readonly digests?: Readonly<Record<string, string>>;
}

interface SavedEvent {
  readonly type: "saved";
  readonly task: number;
  readonly step: number;
  readonly kind: CheckpointKind;
  /** Name of the checkpoint's folder. */
  readonly checkpoint: string;
  readonly bytes: number;
  readonly durationMs?: number;
}

/** What a task learned, or what weights were scored, was kept for other runs, or taken from one that did it before. */
export interface SharedEvent {
  readonly type: "shared";
  readonly what: "task" | "evaluation";
  readonly task: number;
  readonly role: "kept" | "taken";
  /** Key of the object. */
  readonly object: string;
}

/** Where methods decide about weights: how those came about that were shipped after a task and that the next one starts from. */
interface LineageEvent extends Lineage {
  readonly type: "lineage";
  readonly task: number;
}

/** What a run tells, in the order it happens. Tasks count from 0. */
export type RunEvent =
  | { readonly type: "started"; readonly plan: string }
  | { readonly type: "task-started"; readonly task: number; readonly name?: string; readonly step: number; readonly steps: number }
  | StepEvent
  | SharedEvent
  | LineageEvent
  | { readonly type: "task-ended"; readonly task: number; readonly step: number }
  | { readonly type: "evaluating"; readonly task: number; readonly sets: number }
  | EvaluatedEvent
  | { readonly type: "scored"; readonly task: number; readonly step: number; readonly state: WeightsState; readonly scores: Scores }
  | SavedEvent
  | {
      readonly type: "resumed";
      readonly from: string;
      readonly task: number;
      readonly step: number;
      readonly exact: boolean;
      readonly allowed: readonly string[];
    }
  | { readonly type: "signal"; readonly signal: string }
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  | { readonly type: "stopped"; readonly task: number; readonly step: number; readonly checkpoint: string }
  | { readonly type: "finished"; readonly step: number }
  | FailedEvent;

interface FailedEvent {
  readonly type: "failed";
  readonly code: string;
  readonly message: string;
  readonly exit: number;
  readonly task?: number;
  readonly step?: number;
  /** Sample ids of the batch that failed. */
  readonly samples?: readonly string[];
}

/** An event as it is stored: with its time in milliseconds since 1970. */
export type StoredEvent = RunEvent & { readonly t: number };
