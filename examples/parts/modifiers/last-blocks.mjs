// A merge modifier: it scales the merged task vector of any operator, tensor by tensor, by where the tensor lies.
//
//   methods: [{name: temporal-merging, weight: 0.9, modifier: {name: last-blocks, count: 4}}]

import { z } from "evergreen/parts";

export default {
  summary: "Moves only the last blocks of a tower and what lies behind them; all before keeps the base's weights.",
  source: "a network's body kept and its head moved, with the border at any depth",
  options: z.strictObject({
    count: z.int().min(1).default(4).describe("blocks from the end that move"),
    before: z.number().min(0).max(1).default(0).describe("factor of everything before them"),
  }),
  // A tensor outside of the blocks has no number: embeddings lie before them, projections after.
  factor: ({ block, blocks, side }, { count, before }) => {
    if (block === undefined) return side === "before" ? before : 1;
    return block >= blocks - count ? 1 : before;
  },
};
