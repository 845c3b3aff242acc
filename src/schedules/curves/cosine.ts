import { z } from "zod";
import { halfCosine } from "../meta.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { floorOption, lift, stepsOfTask } from "../schedule.ts";

const options = z.strictObject({ floor: floorOption });

export default {
  summary: "Half a cosine from the peak to the floor in every task, without warm-up.",
  source: "arXiv:1608.03983, equation 5, one period a task",
  options,
  build:
    ({ floor }) =>
    (at) =>
      lift(halfCosine(at.step / stepsOfTask(at)), floor),
} satisfies ScheduleDefinition<typeof options>;
