import { grownRootPeak } from "../meta.ts";
import { rsqrtFrom, rsqrtOptions, rsqrtSchedule } from "../rsqrt-decay.ts";
import type { ScheduleDefinition } from "../schedule.ts";
import { lift } from "../schedule.ts";

export default {
  summary: "Reciprocal square root whose peak is where a curve with the warm-ups of all tasks so far would stand; peaks level off.",
  source: "arXiv:2408.14471, autoregressive reciprocal square root, as its published code has it",
  options: rsqrtOptions,
  build: (given) => rsqrtSchedule(given, (own, earlier) => rsqrtFrom(lift(grownRootPeak(own, earlier), given.floor), own, given.floor)),
} satisfies ScheduleDefinition<typeof rsqrtOptions>;
