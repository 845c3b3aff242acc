import type { RunEvent } from "../runs/event.ts";
import type { ObjectStore } from "../runs/objects.ts";
import type { RunPlan } from "../runs/plan.ts";
import type { RunStore } from "../runs/store.ts";
import type { exitCodes } from "../util/errors.ts";

/** What the process around a run gives it. */
export interface RunContext {
  readonly store: RunStore;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly git?: string;
  /** Where whole tasks are shared with runs of the same settings; absent where nothing is. */
  readonly objects?: ObjectStore;
  /** Asked between steps and between evaluated sets. */
  stopRequested(): boolean;
  /** Every event, after it was stored. */
  onEvent(event: RunEvent): void;
  /** Told before each evaluated set. */
  onSet?(set: string, index: number, of: number): void;
  /** Bytes of files that were read before training, of all. */
  onPreload?(done: number, total: number): void;
  /** The plan, before the first event. */
  onPlan?(plan: Pick<RunPlan, "tasks">): void;
  /** The run folder, as soon as it is known. */
  onFolder?(folder: string): void;
}

/** How a run's process should end: 0, or 75 when it was stopped on request. */
export type RunOutcome = typeof exitCodes.done | typeof exitCodes.stopped;
