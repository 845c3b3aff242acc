import { z } from "zod";
import type { MergeOperator } from "../operator.ts";

const options = z.strictObject({});

export default {
  summary: "Weighted mean of the models; weights [1 - w, w] of new and old give WiSE-FT, PAINT and EMA.",
  source: "arXiv:2109.01903, eq. 1; arXiv:2203.05482",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "shares",
  isMean: true,
  usesBase: false,
  passes: () => 1,
  merge: (input) => input.sum(input.tensor.weights),
} satisfies MergeOperator<typeof options>;
