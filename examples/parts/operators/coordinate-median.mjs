// A merge operator: many weights in, one set out. It sees a run of entries of one tensor at a time, so models larger than memory merge too.
//
//   evergreen merge a b c --method coordinate-median --plugins parts --out merged

import { operator, ops, z } from "evergreen";

export default {
  summary: "Of every entry the median over the models: one model that went astray moves nothing far.",
  source: "arXiv:1803.01498, definition 1 and algorithm 1, option I, over weights in place of gradients",
  options: z.strictObject({}),
  // Fewest and most models.
  models: [1, Number.POSITIVE_INFINITY],
  // The median asks for no weights: they are neither shares of a mean nor factors of task vectors.
  weights: "none",
  // θ0 takes no part, so none has to be given.
  usesBase: false,
  // Times that every file is read.
  passes: () => 1,
  merge(input) {
    const entries = Array.from({ length: input.count }, (_, i) => input.model(i));
    // What ops does not name is called by the name PyTorch gives it; this one gives values and places.
    const [sorted] = operator("aten::sort")(ops.stack(entries, 0), 0, false); // [n, size]
    const [low, high] = [Math.floor((input.count - 1) / 2), Math.floor(input.count / 2)].map((i) => ops.select(sorted, 0, i));
    // Of an even number the mean of the two in the middle.
    return ops.mulNumber(ops.add(low, high), 0.5);
  },
};
