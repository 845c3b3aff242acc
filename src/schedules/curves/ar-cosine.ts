import { z } from "zod";
import { cosinePeak, cosineSteps, halfCosine } from "../meta.ts";
import { phasesUpTo } from "../phases.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { floorOption, lift } from "../schedule.ts";
import { ramp, warmupOption } from "../warmup.ts";

const options = z.strictObject({
  warmup: warmupOption,
  floor: floorOption,
  peak: z
    .enum(["code", "equation"])
    .default("code")
    .describe("code: a warm-up that grows with the tasks; equation: as the equation reads with one task's warm-up"),
});

export default {
  summary: "Cosine with warm-up whose peak is where a cosine over all tasks so far would stand; late tasks learn little.",
  source: "arXiv:2408.14471, autoregressive cosine: equation 3 (peak: equation) and its published code (peak: code)",
  options,
  build: (given) => (at) => {
    const { own, earlier } = phasesUpTo(at, given);
    const peak = lift(cosinePeak(own, earlier, given.peak), given.floor);
    const rising = ramp(at.step, own.warmup);
    if (rising !== undefined) return peak * rising;
    return lift(halfCosine((at.step - own.warmup + 1) / cosineSteps(own)), given.floor, peak);
  },
} satisfies ScheduleDefinition<typeof options>;
