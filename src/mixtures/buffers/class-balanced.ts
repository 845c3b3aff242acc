import { z } from "zod";
import type { BufferPolicy } from "../buffer.ts";
import { byPriority, inRounds } from "../priority.ts";

const options = z.strictObject({
  capacity: z.int().min(1).describe("a whole number >= 1 of samples: concepts cannot be balanced by bytes"),
});

export default {
  summary: "As many samples of every concept as fit, none ahead of another by more than one where it has them; inside a concept at random.",
  source: "The balance of GDumb's greedy sampler (ECCV 2020), with random priorities in place of the order of arrival",
  options,
  admit: (held, fresh, { options: { capacity }, about }) =>
    inRounds(byPriority([...held, ...fresh], about.random, "buffer/class-balanced"), about.conceptOf).slice(0, capacity),
} satisfies BufferPolicy<typeof options>;
