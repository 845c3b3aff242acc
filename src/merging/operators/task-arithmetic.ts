import { z } from "zod";
import { sumOfVectors } from "../fold.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import type { MergeOperator } from "../operator.ts";

const options = z.strictObject({ lambda: lambdaOption });

export default {
  summary: "The sum of the task vectors, scaled and added to the base.",
  source: "arXiv:2212.04089, section 2",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  isSum: true,
  usesBase: true,
  passes: () => 1,
  merge: (input, { lambda }) => fromBase(input, sumOfVectors(input), lambda),
} satisfies MergeOperator<typeof options>;
