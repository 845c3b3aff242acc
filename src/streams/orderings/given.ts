import { z } from "zod";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({});

export default {
  summary: "The order in which the concepts are given.",
  options,
  order: (concepts) => concepts,
} satisfies StreamOrdering<typeof options>;
