import { z } from "zod";
import { halfCosine } from "../meta.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { floorOption, lift, stepsOfTask } from "../schedule.ts";
import { extentSteps, ramp, warmupOption } from "../warmup.ts";

const options = z.strictObject({
  warmup: warmupOption,
  floor: floorOption,
  form: z
    .enum(["code", "equation"])
    .default("code")
    .describe("code: the last step is at the floor; equation: the ramp starts at the floor and the decay counts from the warm-up's end"),
});

export default {
  summary: "Linear warm-up, then half a cosine to the floor, anew in every task.",
  source: "arXiv:2408.14471, equation 1 (form: equation) and its published code (form: code)",
  options,
  build: ({ warmup, floor, form }) => {
    const first = form === "code" ? 1 : 0;
    return (at) => {
      const steps = stepsOfTask(at);
      const rising = extentSteps(warmup, steps);
      if (at.step < rising) return form === "code" ? (ramp(at.step, rising) ?? 1) : lift(at.step / rising, floor);
      return lift(halfCosine((at.step - rising + first) / (steps - rising)), floor);
    };
  },
} satisfies ScheduleDefinition<typeof options>;
