import { cosPi } from "../util/elementary.ts";
import { type Phases, totalOf } from "./phases.ts";

// How later tasks take the rate up again (arXiv:2408.14471, section 5 and its published code). Each function gives v, the peak of a task before the floor:
// 1 for the first task. Tasks may differ in length: a product of t tasks with a length is the sum over these tasks.

/** ½(1 + cos πx): 1 at x = 0, 0 at x = 1. */
export function halfCosine(x: number): number {
  return (1 + cosPi(x)) / 2;
}

/** Steps after the warm-up, S − W. */
export function cosineSteps({ steps, warmup }: Phases): number {
  return Math.max(0, steps - warmup);
}

/**
 * Where a cosine stretched over all tasks up to this one stands when this one begins. `code`: a hypothetical warm-up of all their warm-ups;
 * `equation`: equation 3 read with the warm-up of one task. Tasks of warm-up alone take the limit ½(1 + cos πt/(t + 1)).
 */
export function cosinePeak(own: Phases, earlier: readonly Phases[], form: "code" | "equation"): number {
  if (earlier.length === 0) return 1;
  const past = totalOf(earlier, ({ steps }) => steps);
  if (cosineSteps(own) === 0) return halfCosine(past / (past + own.steps));
  if (form === "equation") return halfCosine(past / (past + own.steps - own.warmup));
  const decayed = totalOf(earlier, cosineSteps);
  return halfCosine((decayed + 1) / (decayed + cosineSteps(own)));
}

/** √(Σ We / (Σ earlier S + We)): the warm-up of a curve over all tasks up to this one grows with them, so the peaks level off near √(W/S). */
export function grownRootPeak(own: Phases, earlier: readonly Phases[]): number {
  const warmups = totalOf(earlier, ({ rootWarmup }) => rootWarmup) + own.rootWarmup;
  return Math.sqrt(warmups / (totalOf(earlier, ({ steps }) => steps) + own.rootWarmup));
}

/** √(We / (We + Σ earlier Dn)): one curve goes on over the decaying parts of all tasks. */
export function continuedRootPeak(own: Phases, earlier: readonly Phases[]): number {
  return Math.sqrt(own.rootWarmup / (own.rootWarmup + decayedBefore(earlier)));
}

/** Decaying steps of earlier tasks. */
export function decayedBefore(earlier: readonly Phases[]): number {
  return totalOf(earlier, ({ decaying }) => decaying);
}
