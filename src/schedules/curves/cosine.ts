import { z } from "zod";
import { cosPi } from "../../util/elementary.ts";
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
      lift((1 + cosPi(at.step / stepsOfTask(at))) / 2, floor),
} satisfies ScheduleDefinition<typeof options>;
