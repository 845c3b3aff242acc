import { z } from "zod";
import type { ScheduleDefinition } from "../schedule.ts";
import { stepsOfTask } from "../schedule.ts";
import { extent, extentSteps, ramp } from "../warmup.ts";

const options = z.strictObject({
  warmup: extent.default(0).describe("warm-up of each task: a share below 1 or a percentage (rounded up), or a count of steps from 1 on"),
});

export default {
  summary: "The peak rate at every step, after an optional warm-up of each task.",
  options,
  build:
    ({ warmup }) =>
    (at) =>
      ramp(at.step, extentSteps(warmup, stepsOfTask(at))) ?? 1,
} satisfies ScheduleDefinition<typeof options>;
