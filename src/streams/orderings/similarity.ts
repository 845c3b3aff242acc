import { z } from "zod";
import { embedded, startsOf } from "../embedded.ts";
import { bestWalk } from "../greedy-walk.ts";
import { permuted } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({
  starts: z
    .union([z.int().min(1), z.literal("all")])
    .default(16)
    .describe("walks to try; the cheapest is kept"),
});

export default {
  summary: "Each concept followed by the one most like it: the cheapest of some greedy walks through text embeddings.",
  source: "arXiv:2408.14471, §3.3, concept similarity; the paper speaks of similarities where distances are meant",
  options,
  order: (concepts, { starts }, context) => {
    const { table, neighbours } = embedded(concepts, context);
    return permuted(concepts, bestWalk(table, neighbours, startsOf(table.rows, starts, context)).order);
  },
} satisfies StreamOrdering<typeof options>;
