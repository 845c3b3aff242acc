import { expect, test } from "vitest";
import { searchPenalty } from "./penalty-search.ts";

/** The search over a score with one peak, at 10 to that power. */
function peaked(peak: number): { readonly exponent: number; readonly tried: readonly number[] } {
  const tried: number[] = [];
  const { exponent } = searchPenalty((penalty) => {
    tried.push(Math.log10(penalty));
    return { score: [-Math.abs(Math.log10(penalty) - peak)], result: undefined };
  });
  return { exponent, tried };
}

test("a peak is found to the nearest eighth of a decade, in 15 attempts", () => {
  for (const peak of [-6.03, -3.25, -0.9, 0, 0.125, 1.7, 5.5]) {
    const { exponent, tried } = peaked(peak);
    expect(Math.abs(exponent - peak)).toBeLessThanOrEqual(1 / 16 + 1e-12);
    expect(tried).toHaveLength(Math.abs(peak) < 5 ? 15 : tried.length);
    expect(tried.length).toBeLessThanOrEqual(15);
  }
});

test("of equal scores the largest penalty wins, and each attempt is given the best result before it", () => {
  const given: (number | undefined)[] = [];
  const { exponent, result } = searchPenalty<number>((penalty, best) => {
    given.push(best);
    return { score: [penalty > 0.5 ? 0 : 1], result: penalty };
  });
  // 1 is too large and 10⁻⁰·³⁷⁵ is not: the border lies between, and the largest value below it is asked for.
  expect(exponent).toBe(-0.375);
  expect(result).toBe(10 ** -0.375);
  expect(given.slice(0, 6)).toEqual([undefined, 1e6, 1e6, 1e6, 1e6, 0.01]);
});

test("the second score decides between equal first ones, and nothing is tried beyond the ends", () => {
  const tried: number[] = [];
  const { exponent } = searchPenalty((penalty) => {
    tried.push(penalty);
    return { score: [1, penalty], result: undefined };
  });
  expect(exponent).toBe(6);
  expect(Math.max(...tried)).toBe(1e6);
  expect(tried).toHaveLength(11);
  expect(searchPenalty((penalty) => ({ score: [1, -penalty], result: undefined })).exponent).toBe(-6);
});
