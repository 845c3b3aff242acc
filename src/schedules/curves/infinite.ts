import { z } from "zod";
import { exp, ln } from "../../util/elementary.ts";
import { halfCosine } from "../meta.ts";
import type { Progress, ScheduleDefinition } from "../schedule.ts";
import { lift, stepsOfTask } from "../schedule.ts";
import { extent, extentSteps, ramp } from "../warmup.ts";

const unit = "a share of the first task below 1 or a percentage (rounded up), or a count of steps from 1 on";
const options = z
  .strictObject({
    warmup: extent.default(0.1).describe(`warm-up of the run: ${unit}`),
    cooldown: extent.default(0.5).describe(`from the peak to the plateau, once in the run: ${unit}`),
    plateau: z.number().gt(0).max(1).default(0.5).describe("what the rate stays at, as a share of the peak"),
    anneal: extent.default(0.1).describe(`at the end of each task, from the plateau to the floor: ${unit}`),
    floor: z.number().gt(0).max(1).default(0.001).describe("what each anneal ends at, as a share of the peak"),
    resumeFrom: z
      .enum(["plateau", "annealed"])
      .default("plateau")
      .describe("which weights the next task starts from: those before the anneal, which is a branch then, or those after it"),
  })
  .refine(({ plateau, floor }) => floor <= plateau, { error: "a floor at or below the plateau", path: ["floor"] });
type Options = z.output<typeof options>;

export default {
  summary: "Warm-up and cool-down to a plateau once in the run; each task ends with an anneal and the next one goes on at the plateau.",
  source: "arXiv:2503.02844, section 3",
  options,
  build: (given) => (at) => {
    const steps = stepsOfTask(at);
    const anneal = annealSteps(given, at, at.task);
    const before = at.steps.slice(0, at.task).reduce((sum, each, task) => sum + each - annealSteps(given, at, task), 0);
    const from = steps - anneal;
    if (at.step < from) return course(given, at, before + at.step);
    // From where the curve stands, which is the plateau unless a task ends before it: start · (floor/start)^(a/A).
    const start = Math.max(given.floor, course(given, at, before + from));
    if (at.step === steps - 1) return given.floor;
    return start * exp((ln(given.floor / start) * (at.step - from + 1)) / anneal);
  },
  branchFrom: (given, { first, own }) => {
    const anneal = annealSteps(given, { steps: [first, own] }, 1);
    return given.resumeFrom === "annealed" || anneal === 0 ? undefined : own - anneal;
  },
} satisfies ScheduleDefinition<typeof options>;

/** The rate at step n of those that are no anneal, over all tasks. */
function course({ warmup, cooldown, plateau }: Options, { steps }: Progress, n: number): number {
  const first = steps[0] ?? 0;
  const rising = extentSteps(warmup, first);
  const falling = extentSteps(cooldown, first);
  return ramp(n, rising) ?? (n < rising + falling ? lift(halfCosine((n - rising + 1) / falling), plateau) : plateau);
}

/** Steps of a task's anneal. One step at least stands before it, so that there is something to anneal. */
function annealSteps({ anneal }: Options, { steps }: Pick<Progress, "steps">, task: number): number {
  return Math.max(0, Math.min(extentSteps(anneal, steps[0] ?? 0), (steps[task] ?? 0) - 1));
}
