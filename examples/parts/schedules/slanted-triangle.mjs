// A schedule: what the peak learning rate is multiplied by at each step, in [0, 1]. A function of the place alone, so nothing is stored.
//
//   schedule: {name: slanted-triangle, rise: 0.1}

import { floorOption, lift, stepsOfTask, z } from "evergreen/parts";

export default {
  summary: "Up in a straight line to the peak within a task's first share, then down to the floor in another.",
  source: "arXiv:1801.06146, eq. 3, with the floor for 1/ratio and steps counted from 0",
  options: z.strictObject({
    rise: z.number().gt(0).lt(1).default(0.1).describe("share of the task in which the rate rises"),
    floor: floorOption,
  }),
  build:
    ({ rise, floor }) =>
    (at) => {
      const steps = stepsOfTask(at);
      const cut = Math.max(1, Math.floor(steps * rise));
      const height = at.step < cut ? at.step / cut : 1 - (at.step - cut) / Math.max(1, steps - cut);
      return lift(height, floor);
    },
};
