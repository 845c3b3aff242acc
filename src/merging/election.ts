import { z } from "zod";
import { above, below, clampMin, equals, sign, where } from "../engine/elementwise.ts";
import { addSides } from "../engine/entries.ts";
import { add, div, full, select, sum, to, zeros } from "../engine/ops.ts";
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
function sidesOf(input: MergeInput, trim: Trim, { rows, more }: { readonly rows: 2 | 4; readonly more?: "count" | "furthest" }): Tensor {
  const sides = zeros([rows, input.size]);
  for (const group of groupsOf(input.count)) scope(() => addSides(sides, trim(input, group), more));
  return sides;
}

/** Sums the elected signs over the scope; one pass over the files. */
export function planMajority(tower: Tower, trim: Trim, over: Scope): Majority {
  const totals = new Map<string, number>();
  const keyOf = (input: MergeInput): string => (over === "tower" ? "" : input.tensor.name);
  tower.visit((input) => {
    const sides = sidesOf(input, trim, { rows: 2 });
    // Whole numbers below 2⁵³: exact in any order.
    const elected = item(sum(to(sign(add(select(sides, 0, 0), select(sides, 0, 1))), "float64")));
    totals.set(keyOf(input), (totals.get(keyOf(input)) ?? 0) + elected);
    return undefined;
  });
  return (input) => Math.sign(totals.get(keyOf(input)) ?? 0);
}

/** Merges the entries that agree with the elected sign: their mean over the non-zero ones, their sum, or the largest of them. */
export function electedMerge(input: MergeInput, trim: Trim, how: { readonly merge: Agreement; readonly majority: Majority }): Tensor {
  const sides = sidesOf(input, trim, how.merge === "sum" ? { rows: 2 } : { rows: 4, more: how.merge === "max" ? "furthest" : "count" });
  const row = (k: number): Tensor => select(sides, 0, k);
  const agreeing = (k: 0 | 1): Tensor => {
    if (how.merge === "sum") return row(k);
    return how.merge === "max" ? row(2 + k) : meanOf(row(k), row(2 + k));
  };
  const elected = electedSigns(add(row(0), row(1)), how.majority(input));
  return where(above(elected, 0), agreeing(0), where(below(elected, 0), agreeing(1), zeros([input.size])));
}

const meanOf = (total: Tensor, count: Tensor): Tensor => div(total, clampMin(count, 1));

/** Signs of the totals; the majority's where one is 0. */
export function electedSigns(totals: Tensor, majority: number): Tensor {
  const signs = sign(totals);
  return where(equals(signs, 0), full(totals.shape, majority), signs);
}
