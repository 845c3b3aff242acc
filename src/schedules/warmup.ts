import { z } from "zod";

/**
 * A number of steps: below 1 a share of the task's steps, from 1 on a count; as text a percentage (`10%`) or a count (`200 steps`).
 * Kept as it was written, because a share becomes steps only when the task is known.
 */
export const extent = z.union([
  z.number().min(0).max(1),
  z.int().min(1),
  z.string().regex(/^\s*(100|\d{1,2}(\.\d+)?)\s*%\s*$/, "expected a percentage such as 10%"),
  z.string().regex(/^\s*\d{1,15}\s*steps?\s*$/, "expected a count such as 200 steps"),
]);
export type Extent = z.infer<typeof extent>;

/** Warm-up of one task. */
export const warmupOption = extent
  .default(0.1)
  .describe("warm-up of each task: a share below 1 or a percentage (rounded up), or a count of steps from 1 on");

/** Cool-down of one task. */
export const cooldownOption = extent
  .default(0.1)
  .describe("cool-down of each task: a share below 1 or a percentage (rounded up), or a count of steps from 1 on");

/** Steps that an extent takes of a task of S steps: ⌈p·S⌉ for a share p, else the count. May exceed S. */
export function extentSteps(length: Extent, steps: number): number {
  if (typeof length === "number") return length < 1 ? shareOf(length, steps) : length;
  const value = Number.parseFloat(length);
  return length.includes("%") ? shareOf(value / 100, steps) : value;
}

/** ⌈p·S⌉; the guard keeps a product that is whole from being rounded up (0.07 · 100 is 7.000000000000001). */
function shareOf(share: number, steps: number): number {
  return Math.max(0, Math.ceil(share * steps - 1e-9));
}

/** (s + 1)/W for s < W, which reaches 1 at the last step of the warm-up; undefined after it. */
export function ramp(step: number, warmup: number): number | undefined {
  return step < warmup ? (step + 1) / warmup : undefined;
}
