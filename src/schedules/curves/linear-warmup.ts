import { z } from "zod";
import type { ScheduleDefinition } from "../schedule.ts";
import { floorOption, lift, stepsOfTask } from "../schedule.ts";
import { extentSteps, ramp, warmupOption } from "../warmup.ts";

const options = z.strictObject({ warmup: warmupOption, floor: floorOption });

export default {
  summary: "Linear warm-up, then a straight line to the floor, anew in every task.",
  options,
  build:
    ({ warmup, floor }) =>
    (at) => {
      const steps = stepsOfTask(at);
      const rising = extentSteps(warmup, steps);
      return ramp(at.step, rising) ?? lift(1 - (at.step - rising + 1) / (steps - rising), floor);
    },
} satisfies ScheduleDefinition<typeof options>;
