import { rsqrtFrom, rsqrtOptions, rsqrtSchedule } from "../rsqrt-decay.ts";
import type { ScheduleDefinition } from "../schedule.ts";

export default {
  summary: "Linear warm-up, then the reciprocal square root of the steps, and a linear cool-down, anew in every task.",
  source: "arXiv:2408.14471, equation 2, and its published code; arXiv:2106.04560, section 3.5",
  options: rsqrtOptions,
  build: (given) => rsqrtSchedule(given, (own) => rsqrtFrom(1, own, given.floor)),
} satisfies ScheduleDefinition<typeof rsqrtOptions>;
