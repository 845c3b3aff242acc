import { z } from "zod";
import { cosinePeak, cosineSteps, halfCosine } from "../meta.ts";
import { phasesUpTo, totalOf } from "../phases.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { floorOption, lift } from "../schedule.ts";
import { ramp, warmupOption } from "../warmup.ts";

const options = z.strictObject({ warmup: warmupOption, floor: floorOption });

export default {
  summary: "One cosine stretched over all tasks so far, entered after each task's warm-up where the task begins.",
  source: "arXiv:2408.14471, continued dynamic cosine; the warm-up before the curve is all tasks' together, so that curve and peak meet",
  options,
  build: (given) => (at) => {
    const { own, earlier } = phasesUpTo(at, given);
    const rising = ramp(at.step, own.warmup);
    if (rising !== undefined) return lift(cosinePeak(own, earlier, "code"), given.floor) * rising;
    const before = totalOf(earlier, cosineSteps);
    return lift(halfCosine((before + at.step - own.warmup + 1) / (before + cosineSteps(own))), given.floor);
  },
} satisfies ScheduleDefinition<typeof options>;
