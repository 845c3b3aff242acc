import { z } from "zod";
import type { ScheduleDefinition } from "../schedule.ts";

const options = z.strictObject({
  milestones: z.array(z.int().min(1)).default([175_000, 225_000]).describe("samples of a task after which the rate falls"),
  factor: z.number().gt(0).max(1).default(0.1).describe("what the rate is multiplied by at each milestone"),
});

export default {
  summary: "The peak rate, multiplied by a factor at milestones counted in samples of each task.",
  source: "arXiv:2408.14471, published code; milestones fall on step ⌊samples/batch⌋",
  options,
  build: ({ milestones, factor }, { batchSize }) => {
    const steps = milestones.map((samples) => Math.floor(samples / batchSize));
    return ({ step }) => steps.reduce((value, milestone) => (milestone <= step ? value * factor : value), 1);
  },
} satisfies ScheduleDefinition<typeof options>;
