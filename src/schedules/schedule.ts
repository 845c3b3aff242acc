import { z } from "zod";
import type { Component } from "../util/component.ts";
import { Catalog } from "../util/component.ts";

/** Where in a run a learning rate is asked for. Counts of applied steps; a schedule has no other state, so nothing of it is saved. */
export interface Progress {
  /** From 0. */
  readonly task: number;
  /** Inside the task, from 0. */
  readonly step: number;
  /** Steps of every task of the run. */
  readonly steps: readonly number[];
}

/** Multiplier of the peak learning rate, in [0, 1]. */
export type Schedule = (at: Progress) => number;

/** What a schedule may know of its run beside its own options. */
interface ScheduledRun {
  /** Samples of a batch, all sources together. */
  readonly batchSize: number;
}

export interface ScheduleDefinition<S extends z.ZodType = z.ZodType> extends Component<S> {
  build(options: z.output<S>, run: ScheduledRun): Schedule;
  /**
   * First step of a task's branch: its end is what the task leaves, and the next task starts from the weights before it. Undefined where a task has none. A task is told by its steps
   * and those of the first one. Absent where no task ever branches.
   */
  branchFrom?(options: z.output<S>, steps: { readonly first: number; readonly own: number }): number | undefined;
}

export const schedules = new Catalog<ScheduleDefinition>("schedule", [new URL("./curves/", import.meta.url)]);

/** The floor ratio μ: what a decaying curve ends at, as a share of the peak. */
export const floorOption = z.number().min(0).max(1).default(0.001).describe("what the curve ends at, as a share of the peak");

/** μ + (P − μ)·v: a curve in [0, 1] between the floor and a peak. */
export function lift(value: number, floor: number, peak = 1): number {
  return floor + (peak - floor) * value;
}

/** Steps of the task asked for. */
export function stepsOfTask({ task, steps }: Progress): number {
  const count = steps[task];
  if (count === undefined) throw new RangeError(`internal: schedule: task ${task} of ${steps.length}`);
  return count;
}
