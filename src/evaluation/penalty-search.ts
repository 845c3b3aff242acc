/** One value of a search over a penalty, and what was made with it. */
export interface Tried<Result> {
  /** log₁₀ of the penalty. */
  readonly exponent: number;
  /** Higher is better; of equal first numbers the second decides, and so on. */
  readonly score: readonly number[];
  readonly result: Result;
}

/** Powers of ten that are tried first; none outside of them is. */
const coarse = [6, 4, 2, 0, -2, -4, -6];
/** Steps a decade at the end. */
const finest = 1 / 8;

/**
 * The penalty with the highest score, of equal ones the largest: powers of ten from 10⁶ to 10⁻⁶ by hundreds, then around the best of them with half the step each time, to
 * eight steps a decade. `attempt` is given the result that scored best so far, to start from. 15 attempts, fewer at the ends.
 * Source: arXiv:2103.00020, appendix A.3.
 */
export function searchPenalty<Result>(
  attempt: (penalty: number, best: Result | undefined) => Omit<Tried<Result>, "exponent">,
): Tried<Result> {
  let best: Tried<Result> | undefined;
  const attemptAt = (exponent: number): void => {
    if (exponent > (coarse[0] ?? 0) || exponent < (coarse.at(-1) ?? 0)) return;
    const found = { exponent, ...attempt(10 ** exponent, best?.result) };
    if (!best || isBetter(found, best)) best = found;
  };
  for (const exponent of coarse) attemptAt(exponent);
  for (let step = 1; step >= finest; step /= 2) {
    const centre = best?.exponent ?? 0;
    attemptAt(centre + step);
    attemptAt(centre - step);
  }
  if (!best) throw new Error("internal: no penalty was tried");
  return best;
}

function isBetter(a: Tried<unknown>, b: Tried<unknown>): boolean {
  for (const [i, score] of a.score.entries()) {
    const other = b.score[i] ?? Number.NEGATIVE_INFINITY;
    if (score !== other) return score > other;
  }
  return a.exponent > b.exponent;
}
