import { continuedRootPeak } from "../meta.ts";
import { rsqrtFrom, rsqrtOptions, rsqrtSchedule } from "../rsqrt-decay.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { lift } from "../schedule.ts";

export default {
  summary: "Reciprocal square root in every task, each from the value at which the decay of the task before ended.",
  source: "arXiv:2408.14471, reciprocal square root with peaks that match, as its published code has it",
  options: rsqrtOptions,
  build: (given) => rsqrtSchedule(given, (own, earlier) => rsqrtFrom(lift(continuedRootPeak(own, earlier), given.floor), own, given.floor)),
} satisfies ScheduleDefinition<typeof rsqrtOptions>;
