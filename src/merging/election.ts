import { z } from "zod";
import { above, below, clampMax, clampMin, equals, maximum, minimum, sign, where } from "../engine/elementwise.ts";
import { add, div, full, sum, to, zeros } from "../engine/ops.ts";
import { item, type Tensor } from "../engine/tensor.ts";
import { fold } from "./fold.ts";
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

/** Positive and negative entries of all models apart, so that no model's block need be held. */
type Sides = readonly [positive: Tensor, negative: Tensor];

/** Sums the elected signs over the scope; one pass over the files, in which `locate` hears of every input before it is trimmed. */
export function planMajority(
  tower: Tower,
  trim: Trim,
  { scope, locate }: { readonly scope: Scope; readonly locate?: (input: MergeInput) => void },
): Majority {
  const totals = new Map<string, number>();
  const keyOf = (input: MergeInput): string => (scope === "tower" ? "" : input.tensor.name);
  tower.visit((input) => {
    locate?.(input);
    const [positive, negative] = fold<readonly [Tensor, Tensor]>(
      [zeros([input.size]), zeros([input.size])],
      input.count,
      ([up, down], i) => {
        const entries = trim(input, i);
        return [add(up, clampMin(entries, 0)), add(down, clampMax(entries, 0))];
      },
    );
    // Whole numbers below 2⁵³: exact in any order.
    const elected = item(sum(to(sign(add(positive, negative)), "float64")));
    totals.set(keyOf(input), (totals.get(keyOf(input)) ?? 0) + elected);
    return undefined;
  });
  return (input) => Math.sign(totals.get(keyOf(input)) ?? 0);
}

/** Merges the entries that agree with the elected sign: their mean over the non-zero ones, their sum, or the largest of them. */
export function electedMerge(input: MergeInput, trim: Trim, how: { readonly merge: Agreement; readonly majority: Majority }): Tensor {
  const pair = (): Sides => [zeros([input.size]), zeros([input.size])];
  // The sums elect; beside them what the agreeing entries become.
  const { sums, others } = fold<{ sums: Sides; others: Sides | undefined }>(
    { sums: pair(), others: how.merge === "sum" ? undefined : pair() },
    input.count,
    (before, i) => {
      const entries = trim(input, i);
      const sides: Sides = [clampMin(entries, 0), clampMax(entries, 0)];
      return {
        sums: [add(before.sums[0], sides[0]), add(before.sums[1], sides[1])],
        others: before.others && (how.merge === "max" ? furthest(before.others, sides) : counted(before.others, entries)),
      };
    },
  );
  const merged = others === undefined ? sums : how.merge === "max" ? others : [meanOf(sums[0], others[0]), meanOf(sums[1], others[1])];
  const elected = electedSigns(add(...sums), how.majority(input));
  return where(above(elected, 0), merged[0] as Tensor, where(below(elected, 0), merged[1] as Tensor, zeros([input.size])));
}

const furthest = ([high, low]: Sides, [up, down]: Sides): Sides => [maximum(high, up), minimum(low, down)];
const counted = ([up, down]: Sides, entries: Tensor): Sides => [
  add(up, to(above(entries, 0), "float32")),
  add(down, to(below(entries, 0), "float32")),
];
const meanOf = (total: Tensor, count: Tensor): Tensor => div(total, clampMin(count, 1));

/** Signs of the totals; the majority's where one is 0. */
export function electedSigns(totals: Tensor, majority: number): Tensor {
  const signs = sign(totals);
  return where(equals(signs, 0), full(totals.shape, majority), signs);
}
