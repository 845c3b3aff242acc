import { z } from "zod";
import { type Phases, phasesUpTo } from "./phases.ts";
import { floorOption, lift, type Schedule } from "./schedule.ts";
import { cooldownOption, ramp, warmupOption } from "./warmup.ts";

/** Options of every schedule that decays by the reciprocal square root of the steps. */
export const rsqrtOptions = z.strictObject({
  warmup: warmupOption,
  cooldown: cooldownOption,
  floor: floorOption,
  coolFrom: z
    .enum(["running", "frozen"])
    .default("running")
    .describe("what the cool-down scales: the curve as it goes on decaying (running), or its value at the cool-down's first step (frozen)"),
  endAt: z
    .enum(["zero", "live"])
    .default("zero")
    .describe("zero: the last step has rate 0 and learns nothing; live: the rate would be 0 one step later"),
});
export type RsqrtOptions = z.output<typeof rsqrtOptions>;

/** Multipliers of one task before its cool-down. */
export interface RsqrtCourse {
  /** What the warm-up rises to. */
  readonly peak: number;
  /** At a step after the warm-up. */
  after(step: number): number;
}

/**
 * Linear warm-up, reciprocal square root, linear cool-down, in each task anew. `coolFrom: running` and `endAt: zero` are the published code of
 * arXiv:2408.14471; `coolFrom: frozen` with a floor of 0 is its equation 2, except that the root starts at the end of the warm-up, where the printed
 * √N_warm/√(n + N_warm) would jump from 1 to 0.707.
 */
export function rsqrtSchedule(options: RsqrtOptions, courseOf: (own: Phases, earlier: readonly Phases[]) => RsqrtCourse): Schedule {
  const { coolFrom, endAt } = options;
  return (at) => {
    const { own, earlier } = phasesUpTo(at, options);
    const course = courseOf(own, earlier);
    const rising = ramp(at.step, own.warmup);
    if (rising !== undefined) return course.peak * rising;
    const { cooldown, cooldownFrom, steps } = own;
    if (at.step < cooldownFrom) return course.after(at.step);
    const left = endAt === "zero" ? (steps - 1 - at.step) / cooldown : (steps - at.step) / (cooldown + 1);
    return course.after(coolFrom === "running" ? at.step : cooldownFrom) * left;
  };
}

/** From a peak P down: μ + (P − μ)·√(We/max(s, We)). */
export function rsqrtFrom(peak: number, { rootWarmup }: Phases, floor: number): RsqrtCourse {
  return { peak, after: (step) => lift(Math.sqrt(rootWarmup / Math.max(step, rootWarmup)), floor, peak) };
}
