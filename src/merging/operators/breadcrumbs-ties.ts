import { z } from "zod";
import { agreementOf, agreementOption, electedMerge, type Majority, planMajority } from "../election.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import { scopeOption } from "../magnitude-cut.ts";
import type { MergeOperator } from "../operator.ts";
import { magnitudeTrim, type Trim } from "../trim.ts";
import { checkTrims, twoSided, twoSidedTrim } from "../two-sided.ts";

const options = checkTrims(
  z.strictObject({ ...twoSided, merge: agreementOption, lambda: lambdaOption, scope: scopeOption.default("tower") }),
);

export default {
  summary: "TIES whose trim drops the largest entries of each task vector too.",
  source: "arXiv:2312.06795, section 3, with the election of arXiv:2306.01708",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  mergekit: (asked) => ({ ...twoSidedTrim(asked), ...agreementOf(asked) }),
  passes: ({ remove, top }) => (remove + top > 0 ? 4 : 2),
  plan: (tower, { remove, top, scope }) => {
    const { trim, locating } = magnitudeTrim(tower, { remove, top }, scope);
    return { trim, majority: planMajority(tower, locating, scope) };
  },
  merge: (input, { merge, lambda }, { trim, majority }) => fromBase(input, electedMerge(input, trim, { merge, majority }), lambda),
} satisfies MergeOperator<typeof options, { readonly trim: Trim; readonly majority: Majority }>;
