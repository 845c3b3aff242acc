import { z } from "zod";
import { embedded, startsOf } from "../embedded.ts";
import { bestWalk } from "../greedy-walk.ts";
import { improvedWalk } from "../path-search.ts";
import { permuted } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({
  starts: z
    .union([z.int().min(1), z.literal("all")])
    .default(16)
    .describe("greedy walks to try; the search begins at the cheapest"),
});

export default {
  summary: "As similarity, and then a search for a shorter path through the text embeddings (2-opt and Or-opt).",
  source: "our own; the paper (arXiv:2408.14471, §3.3) keeps the greedy walk",
  options,
  order: (concepts, { starts }, context) => {
    const { table, neighbours } = embedded(concepts, context);
    const walk = bestWalk(table, neighbours, startsOf(table.rows, starts, context));
    return permuted(concepts, improvedWalk(table, neighbours, walk).order);
  },
} satisfies StreamOrdering<typeof options>;
