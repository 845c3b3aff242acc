import { ln } from "../util/elementary.ts";
import { MergeError } from "./operator.ts";

const power =
  (exponent: number) =>
  (i: number, n: number): number => {
    let result = 1;
    for (let k = 0; k < exponent; k++) result *= i / n;
    return result;
  };

/** How much a model counts by its age, i = 1 for the oldest of n; relative to the newest, so that nothing overflows. */
const growth = {
  uniform: () => 1,
  linear: power(1),
  sqrt: (i: number, n: number) => Math.sqrt(i / n),
  quadratic: power(2),
  cubic: power(3),
  fifth: power(5),
  tenth: power(10),
  exp: (i: number, n: number) => 2 ** (i - n),
  log: (i: number, n: number) => ln(i + 1) / ln(n + 1),
} as const satisfies Readonly<Record<string, (i: number, n: number) => number>>;

export type Recency = keyof typeof growth;
export const recencies = Object.keys(growth) as readonly Recency[];

/** Shares of n models by age, oldest first; they add up to 1. `reverse` favours the oldest. */
export function recencyShares(recency: Recency, n: number, reverse = false): readonly number[] {
  const raw = Array.from({ length: n }, (_, k) => growth[recency](k + 1, n));
  const total = raw.reduce((sum, share) => sum + share, 0);
  const shares = raw.map((share) => share / total);
  return reverse ? shares.reverse() : shares;
}

/** The same as factors of task vectors: how many times an equal share each one is, so that equal ones are 1 whatever n. */
export function recencyFactors(recency: Recency, n: number, reverse = false): readonly number[] {
  return recency === "uniform" ? Array<number>(n).fill(1) : recencyShares(recency, n, reverse).map((share) => share * n);
}

/**
 * The share of the n-th model in a running mean: m_n = (1 − r)·m_{n−1} + r·θ_n gives the merge of all n with {@link recencyShares},
 * with one model in memory.
 */
export function runningShare(recency: Recency, n: number): number {
  return recencyShares(recency, n).at(-1) ?? 1;
}

/** How far a list of shares may be from adding up to 1. */
const tolerance = 1e-6;

/** Refuses what is no convex combination. @throws {MergeError} */
export function checkShares(shares: readonly number[]): void {
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (shares.some((share) => !Number.isFinite(share) || share < 0) || Math.abs(total - 1) > tolerance)
    throw new MergeError(
      `weights ${shares.join(", ")} add up to ${total}; expected numbers >= 0 that add up to 1`,
      "give shares such as 0.3, 0.7, leave them away for equal ones, or set normalize: true in a merge file",
    );
}
