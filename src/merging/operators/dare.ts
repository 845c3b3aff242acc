import { z } from "zod";
import { fromBase, lambdaOption } from "../lambda.ts";
import type { MergeOperator } from "../operator.ts";
import { dropOption, oneSidedTrim, randomTrim, sumOfTrimmed } from "../trim.ts";

const options = z.strictObject({
  remove: dropOption,
  lambda: lambdaOption,
});

export default {
  summary: "Drops entries of the task vectors by lot, scales up the others, and sums.",
  source: "arXiv:2311.03099, section 3.2; draws of purpose merge/dare, one an entry and model",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  isSum: true,
  usesBase: true,
  mergekit: oneSidedTrim,
  passes: () => 1,
  merge: (input, { remove, lambda }) => fromBase(input, sumOfTrimmed(input, randomTrim(remove)), lambda),
} satisfies MergeOperator<typeof options>;
