import { z } from "zod";
import type { MergeOperator } from "../operator.ts";

const options = z.strictObject({});

export default {
  summary: "The newest model alone.",
  source: "What finetuning deploys, by which arXiv:2412.06712 measures the others",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "none",
  linearShares: (count) => Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : 0)),
  usesBase: false,
  passes: () => 1,
  merge: (input) => input.model(input.count - 1),
} satisfies MergeOperator<typeof options>;
