import type { RunEvent } from "../runs/event.ts";
import type { SpecRequest } from "../runs/spec.ts";

/** What a trainer is asked to do. Plain data: it crosses a process border. */
export type TrainerTask =
  | { readonly kind: "train"; readonly request: SpecRequest; readonly root: string; readonly id?: string; readonly share?: boolean }
  | {
      readonly kind: "resume";
      readonly folder: string;
      readonly root: string;
      readonly allow: readonly string[];
      readonly share?: boolean;
    };

/** From the supervisor. */
export type ToTrainer = { readonly kind: "task"; readonly task: TrainerTask } | { readonly kind: "stop" };

/** A failure with what the terminal needs of it. */
export interface TrainerFailure {
  readonly text: string;
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly place?: string;
  readonly exit: number;
}

/** From the trainer. */
export type FromTrainer =
  | { readonly kind: "folder"; readonly folder: string }
  | {
      readonly kind: "plan";
      readonly tasks: readonly { readonly name?: string; readonly steps: number; readonly concepts: number; readonly samples: number }[];
    }
  | { readonly kind: "event"; readonly event: RunEvent }
  | { readonly kind: "set"; readonly set: string; readonly index: number; readonly of: number }
  /** Bytes of files that are read before training. */
  | { readonly kind: "preload"; readonly done: number; readonly total: number }
  | { readonly kind: "ended"; readonly exit: number }
  | { readonly kind: "failed"; readonly failure: TrainerFailure };
