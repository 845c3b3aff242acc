import { above, below, clampMax, clampMin, equals, maximum, minimum, sign, where } from "../engine/elementwise.ts";
import { add, div, full, sum, to, zeros } from "../engine/ops.ts";
import { item, type Tensor } from "../engine/tensor.ts";
import { fold } from "./fold.ts";
import type { Scope } from "./magnitude-cut.ts";
import type { MergeInput, Tower } from "./operator.ts";
import type { Trim } from "./trim.ts";

/** How agreeing entries become one. */
export const agreements = ["mean", "sum", "max"] as const;
export type Agreement = (typeof agreements)[number];

/** The sign that stands where the trimmed entries cancel: 1, −1, or 0 where no sign leads. */
export type Majority = (input: MergeInput) => number;

/** Positive and negative entries of all models apart, so that no model's block need be held: their sums, counts and extremes, [size] each. */
interface Sides {
  readonly sums: readonly [Tensor, Tensor];
  readonly counts: readonly [Tensor, Tensor];
  readonly extremes: readonly [Tensor, Tensor];
}

/** Sums the elected signs over the scope; one pass over the files. */
export function planMajority(tower: Tower, trim: Trim, scope: Scope): Majority {
  const totals = new Map<string, number>();
  const keyOf = (input: MergeInput): string => (scope === "tower" ? "" : input.tensor.name);
  tower.visit((input) => {
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
  const { sums, counts, extremes } = sidesOf(input, trim);
  const elected = electedSigns(add(...sums), how.majority(input));
  const values = { sum: sums, max: extremes, mean: [meanOf(sums[0], counts[0]), meanOf(sums[1], counts[1])] as const }[how.merge];
  return where(above(elected, 0), values[0], where(below(elected, 0), values[1], zeros([input.size])));
}

/** Signs of the totals; the majority's where one is 0. */
export function electedSigns(totals: Tensor, majority: number): Tensor {
  const signs = sign(totals);
  return where(equals(signs, 0), full(totals.shape, majority), signs);
}

const meanOf = (total: Tensor, count: Tensor): Tensor => div(total, clampMin(count, 1));

function sidesOf(input: MergeInput, trim: Trim): Sides {
  const pair = (): readonly [Tensor, Tensor] => [zeros([input.size]), zeros([input.size])];
  return fold<Sides>({ sums: pair(), counts: pair(), extremes: pair() }, input.count, ({ sums, counts, extremes }, i) => {
    const entries = trim(input, i);
    const [up, down] = [clampMin(entries, 0), clampMax(entries, 0)];
    return {
      sums: [add(sums[0], up), add(sums[1], down)],
      counts: [add(counts[0], to(above(entries, 0), "float32")), add(counts[1], to(below(entries, 0), "float32"))],
      extremes: [maximum(extremes[0], up), minimum(extremes[1], down)],
    };
  });
}
