import { z } from "zod";
import { type BufferPolicy, capacityOption, firstThatFit } from "../buffer.ts";
import { byPriority } from "../priority.ts";

const options = z.strictObject({ capacity: capacityOption });

export default {
  summary: "A uniform sample of all that was seen, as much as fits.",
  source:
    "The distribution of Vitter's algorithm R (doi:10.1145/3147.3165), by random priorities in place of slots, so that sizes may differ and the order of arrival does not matter",
  options,
  admit: (held, fresh, { options: { capacity }, about }) =>
    firstThatFit(byPriority([...held, ...fresh], about.random, "buffer/reservoir"), capacity, about),
} satisfies BufferPolicy<typeof options>;
