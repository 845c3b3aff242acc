import { continuedRootPeak, decayedBefore } from "../meta.ts";
import { rsqrtOptions, rsqrtSchedule } from "../rsqrt-decay.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { lift } from "../schedule.ts";

export default {
  summary: "One reciprocal square root that goes on over the decaying parts of all tasks, with a warm-up and a cool-down in each.",
  source:
    "arXiv:2408.14471, continued dynamic reciprocal square root; the published code counts the offset twice in the warm-up and then jumps, this one meets its curve",
  options: rsqrtOptions,
  build: (given) =>
    rsqrtSchedule(given, (own, earlier) => {
      const offset = decayedBefore(earlier);
      return {
        peak: lift(continuedRootPeak(own, earlier), given.floor),
        after: (step) => lift(Math.sqrt(own.rootWarmup / (Math.max(step, own.rootWarmup) + offset)), given.floor),
      };
    }),
} satisfies ScheduleDefinition<typeof rsqrtOptions>;
