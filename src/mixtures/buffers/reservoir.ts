import { z } from "zod";
import { type BufferPolicy, capacityOption } from "../buffer.ts";
import { admitByPriority } from "../priority.ts";

const options = z.strictObject({ capacity: capacityOption });

export default {
  summary: "A uniform sample of all that was seen, as much as fits.",
  source:
    "The distribution of Vitter's algorithm R (doi:10.1145/3147.3165), by random priorities in place of slots, so that sizes may differ",
  options,
  admit: (held, fresh, { options: { capacity }, about }) =>
    admitByPriority(held, fresh, {
      random: about.random,
      purpose: "buffer/reservoir",
      total: capacity.total,
      sizeOf: capacity.unit === "samples" ? () => 1 : about.bytesOf,
    }),
} satisfies BufferPolicy<typeof options>;
