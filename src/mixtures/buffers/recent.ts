import { z } from "zod";
import { type BufferPolicy, capacityOption, firstThatFit } from "../buffer.ts";

const options = z.strictObject({ capacity: capacityOption });

export default {
  summary: "The samples seen last, as many as fit.",
  options,
  admit: (held, fresh, { options: { capacity }, about }) => firstThatFit([...held, ...fresh].reverse(), capacity, about).toReversed(),
} satisfies BufferPolicy<typeof options>;
