import { z } from "zod";
import type { BufferPolicy } from "../buffer.ts";

const options = z.strictObject({});

export default {
  summary: "Every sample ever seen: storage is free, compute alone limits replay.",
  source: "arXiv:2408.14471, section 3",
  options,
  keepsAll: true,
  admit: (held, fresh) => [...held, ...fresh],
} satisfies BufferPolicy<typeof options>;
