import { z } from "zod";
import { fromBase, lambdaOption } from "../lambda.ts";
import { scopeOption } from "../magnitude-cut.ts";
import type { MergeOperator } from "../operator.ts";
import { exactTrim, sumOfTrimmed, type Trim } from "../trim.ts";
import { checkTrims, twoSided, twoSidedTrim } from "../two-sided.ts";

const options = checkTrims(z.strictObject({ ...twoSided, lambda: lambdaOption, scope: scopeOption.default("tensor") }));

export default {
  summary: "Drops each task vector's smallest and largest entries, and sums what stays.",
  source: "arXiv:2312.06795, section 3 (per tensor, as there)",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  isSum: true,
  usesBase: true,
  mergekit: twoSidedTrim,
  passes: ({ remove, top }) => (remove + top > 0 ? 3 : 1),
  plan: (tower, { remove, top, scope }) => exactTrim(tower, { remove, top }, scope),
  merge: (input, { lambda }, trim) => fromBase(input, sumOfTrimmed(input, trim), lambda),
} satisfies MergeOperator<typeof options, Trim>;
