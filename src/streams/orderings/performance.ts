import { z } from "zod";
import { scoresOf, sortedBy } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({});

export default {
  summary: "Easy to hard: by ascending matching loss of a frozen scorer.",
  source: "arXiv:2408.14471, §3.3, easy to hard; the published file follows the loss, not accuracy",
  options,
  order: (concepts) => sortedBy(concepts, scoresOf(concepts, "matchingLoss")),
} satisfies StreamOrdering<typeof options>;
