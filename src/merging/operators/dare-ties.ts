import { z } from "zod";
import { agreementOf, agreementOption, electedMerge, type Majority, planMajority } from "../election.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import { scopeOption } from "../magnitude-cut.ts";
import type { MergeOperator } from "../operator.ts";
import { dropOption, oneSidedTrim, randomTrim } from "../trim.ts";

const options = z.strictObject({
  remove: dropOption,
  merge: agreementOption,
  lambda: lambdaOption,
  scope: scopeOption.default("tower"),
});

export default {
  summary: "TIES whose trim drops entries by lot and scales up the others.",
  source: "arXiv:2311.03099, section 3.2, with the election of arXiv:2306.01708",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  mergekit: (asked) => ({ ...oneSidedTrim(asked), ...agreementOf(asked) }),
  passes: () => 2,
  plan: (tower, { remove, scope }) => planMajority(tower, randomTrim(remove), scope),
  merge: (input, { remove, merge, lambda }, majority) =>
    fromBase(input, electedMerge(input, randomTrim(remove), { merge, majority }), lambda),
} satisfies MergeOperator<typeof options, Majority>;
