import { z } from "zod";
import { agreementOf, agreementOption, electedMerge, type Majority, planMajority } from "../election.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import { scopeOption } from "../magnitude-cut.ts";
import type { MergeOperator } from "../operator.ts";
import { magnitudeTrim, oneSidedTrim, type Trim } from "../trim.ts";

const options = z.strictObject({
  remove: z.number().min(0).lt(1).default(0.8).describe("share of the smallest entries to drop; published code of TIME: 0.2"),
  merge: agreementOption,
  lambda: lambdaOption,
  scope: scopeOption.default("tower"),
});

export default {
  summary: "Drops each task vector's smallest entries, elects a sign for every entry, and merges those that agree with it.",
  source:
    "arXiv:2306.01708, algorithm 1, with exact counts. Where entries cancel, the sign that most entries of the scope have, as its published code",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  mergekit: (asked) => ({ ...oneSidedTrim(asked), ...agreementOf(asked) }),
  passes: ({ remove }) => (remove > 0 ? 4 : 2),
  plan: (tower, { remove, scope }) => {
    const { trim, locating } = magnitudeTrim(tower, { remove, top: 0 }, scope);
    return { trim, majority: planMajority(tower, locating, scope) };
  },
  merge: (input, { merge, lambda }, { trim, majority }) => fromBase(input, electedMerge(input, trim, { merge, majority }), lambda),
} satisfies MergeOperator<typeof options, { readonly trim: Trim; readonly majority: Majority }>;
