import { createHash } from "node:crypto";
import type { StateTree, Weights } from "../engine/tensor.ts";
import { tensorSource } from "../models/save.ts";
import type { RunEvent, SharedEvent, StepEvent } from "../runs/event.ts";
import { canonicalJson } from "../util/json.ts";
import { flattenState } from "./state-tree.ts";

/** All tensors and numbers that the steps of a task start from or lead to, moments aside: those begin anew with each task. */
export type LearnedState = {
  readonly weights: Weights;
  readonly buffers: Weights;
  readonly adapters: Weights | null;
  /** Of the methods that have a part in steps, in their order. */
  readonly states: readonly StateTree[];
} & { readonly [key: string]: StateTree };

/** What the steps of a task led to, in this run or in another. */
export interface LearnedTask {
  readonly state: LearnedState;
  readonly steps: readonly StepEvent[];
}

/** Keeps what tasks learned for runs of the same settings, by what they started from. */
export interface TaskSharing {
  /** Tensors of what is found live until they are released. A `refused` object was no longer what had been stored. */
  take(task: number, from: string): Promise<{ readonly object: string; readonly found?: LearnedTask; readonly refused?: string }>;
  /** Says why where it could not. */
  keep(object: string, learned: LearnedTask): string | undefined;
}

/** Told where something that was kept is not what it was. */
export const refusedWarning = (what: SharedEvent["what"], reason: string): RunEvent => ({
  type: "warning",
  code: "EG-4303",
  message: `a shared ${what} was refused and is made anew: ${reason}`,
});

/** Told where something could not be kept for others; the run goes on. */
export const unsharedWarning = (what: SharedEvent["what"], reason: string): RunEvent => ({
  type: "warning",
  code: "EG-5303",
  message: `this ${what} is not shared: ${reason}`,
});

/** SHA-256 of a state: every name, shape, type and bit in it. */
export function digestOf(state: LearnedState): string {
  const { json, tensors } = flattenState(state, "state");
  const hash = createHash("sha256").update(canonicalJson(json));
  for (const [name, value] of tensors) {
    const { dtype, shape, data } = tensorSource(name, value);
    hash.update(JSON.stringify([name, dtype, shape])).update(data());
  }
  return hash.digest("hex");
}
