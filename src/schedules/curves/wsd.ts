import { z } from "zod";
import { halfCosine } from "../meta.ts";
import { phasesOf } from "../phases.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { floorOption, lift, stepsOfTask } from "../schedule.ts";
import { cooldownOption, ramp, warmupOption } from "../warmup.ts";

/** From 1 at x = 0 to 0 at x = 1. */
const falls = {
  linear: (x: number): number => 1 - x,
  cosine: halfCosine,
  sqrt: (x: number): number => 1 - Math.sqrt(x),
} as const;

const options = z.strictObject({
  warmup: warmupOption,
  cooldown: cooldownOption,
  floor: floorOption,
  fall: z.enum(["linear", "cosine", "sqrt"]).default("linear").describe("shape of the cool-down; sqrt is 1 − √x"),
});

export default {
  summary: "Warm-up, a plateau at the peak, and a cool-down to the floor at the end of every task.",
  source: "arXiv:2404.06395, section 4 (WSD); 1 − √x: arXiv:2405.18392, section 3",
  options,
  build: (given) => (at) => {
    const { warmup, cooldown, cooldownFrom } = phasesOf(stepsOfTask(at), given);
    const rising = ramp(at.step, warmup);
    if (rising !== undefined) return rising;
    return at.step < cooldownFrom ? 1 : lift(falls[given.fall]((at.step - cooldownFrom + 1) / cooldown), given.floor);
  },
} satisfies ScheduleDefinition<typeof options>;
