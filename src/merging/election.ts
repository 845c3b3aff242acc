import { z } from "zod";
import { sign } from "../engine/elementwise.ts";
import { addSides, electedOf } from "../engine/entries.ts";
import { add, select, sum, to, zeros } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { item, type Tensor } from "../engine/tensor.ts";
import { groupsOf } from "./fold.ts";
import type { Scope } from "./magnitude-cut.ts";
import type { MergeInput, MergekitParameters, Tower } from "./operator.ts";
import type { Trim } from "./trim.ts";

/** How agreeing entries become one. */
const agreements = ["mean", "sum", "max"] as const;
export type Agreement = (typeof agreements)[number];

/** Option of operators that elect a sign. */
export const agreementOption = z.enum(agreements).default("mean").describe("what becomes of the entries that have the elected sign");

/** What becomes of agreeing entries, as mergekit tells it. */
export const agreementOf = ({ normalize }: MergekitParameters): { readonly merge?: Agreement } =>
  normalize === undefined ? {} : { merge: normalize ? "mean" : "sum" };

/** The sign that stands where the trimmed entries cancel: 1, −1, or 0 where no sign leads. */
export type Majority = (input: MergeInput) => number;

/** What the entries of all trimmed task vectors come to, positive and negative ones apart: [rows, size], see {@link addSides}. No model's block need be held. */
function sidesOf(input: MergeInput, trim: Trim, { rows, more }: { readonly rows: 2 | 4; readonly more: "count" | "furthest" }): Tensor {
  const sides = zeros([rows, input.size]);
  for (const group of groupsOf(input.count)) scope(() => addSides(sides, trim(input, group), more));
  return sides;
}

/** Sums the elected signs over the scope; one pass over the files. */
export function planMajority(tower: Tower, trim: Trim, over: Scope): Majority {
  const totals = new Map<string, number>();
  const keyOf = (input: MergeInput): string => (over === "tower" ? "" : input.tensor.name);
  tower.visit((input) => {
    const sides = sidesOf(input, trim, { rows: 2, more: "count" });
    // Whole numbers below 2⁵³: exact in any order.
    const elected = item(sum(to(sign(add(select(sides, 0, 0), select(sides, 0, 1))), "float64")));
    totals.set(keyOf(input), (totals.get(keyOf(input)) ?? 0) + elected);
    return undefined;
  });
  return (input) => Math.sign(totals.get(keyOf(input)) ?? 0);
}

/** Merges the entries that agree with the elected sign: their mean over the non-zero ones, their sum, or the largest of them. */
export function electedMerge(input: MergeInput, trim: Trim, how: { readonly merge: Agreement; readonly majority: Majority }): Tensor {
  const more = how.merge === "max" ? "furthest" : "count";
  return electedOf(sidesOf(input, trim, { rows: how.merge === "sum" ? 2 : 4, more }), how.majority(input), more);
}
