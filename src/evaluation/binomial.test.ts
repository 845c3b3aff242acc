import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { binomialTable, drawBinomial, multinomial } from "./binomial.ts";

const sharesOf = (trials: number, chance: number): Map<number, number> => {
  const { from, cumulative } = binomialTable(trials, chance);
  return new Map(Array.from(cumulative, (share, i) => [from + i, share - (cumulative[i - 1] ?? 0)]));
};

test("five trials of chance 0.3: (5 over k) · 0.3ᵏ · 0.7⁵⁻ᵏ", () => {
  const shares = sharesOf(5, 0.3);
  for (const [k, ways] of [1, 5, 10, 10, 5, 1].entries()) expect(shares.get(k)).toBeCloseTo(ways * 0.3 ** k * 0.7 ** (5 - k), 14);
});

test("mean n·p and variance n·p·(1 − p), also of many trials and near the ends; certain ones are certain", () => {
  for (const [n, p] of [
    [10_000, 0.5],
    [10_000, 0.0003],
    [50_000, 0.97],
    [3, 0.99],
    [1, 0.5],
  ] as const) {
    let [mean, square] = [0, 0];
    for (const [k, share] of sharesOf(n, p)) {
      mean += k * share;
      square += k * k * share;
    }
    expect(mean / (n * p)).toBeCloseTo(1, 10);
    expect((square - mean * mean) / (n * p * (1 - p))).toBeCloseTo(1, 6);
  }
  expect([...sharesOf(9, 0), ...sharesOf(9, 1), ...sharesOf(0, 0.5)]).toEqual([
    [0, 1],
    [9, 1],
    [0, 1],
  ]);
});

test("drawn counts fall as the shares say: chi-squared of 20,000 draws", () => {
  const table = binomialTable(12, 0.4);
  const draws = createRandom(0).at("test/binomial");
  const times = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    const k = drawBinomial(table, draws);
    times.set(k, (times.get(k) ?? 0) + 1);
  }
  let statistic = 0;
  for (const [k, share] of sharesOf(12, 0.4))
    if (share * 20_000 > 5) statistic += ((times.get(k) ?? 0) - 20_000 * share) ** 2 / (20_000 * share);
  // 99.9 % of a chi-squared with 11 degrees of freedom.
  expect(statistic).toBeLessThan(31.3);
});

test("a multinomial adds up, and its counts vary and covary as n·p·(1 − p) and −n·p·q", () => {
  const counts = [50, 30, 20];
  const draw = multinomial(counts);
  const draws = createRandom(1).at("test/multinomial");
  const found = Array.from({ length: 20_000 }, () => draw(draws));
  expect(found.every((each) => each.reduce((a, b) => a + b, 0) === 100)).toBe(true);
  const mean = (of: (each: readonly number[]) => number): number => found.reduce((sum, each) => sum + of(each), 0) / found.length;
  for (const [kind, count] of counts.entries()) expect(Math.abs(mean((each) => each[kind] ?? 0) - count)).toBeLessThan(0.15);
  expect(mean((each) => ((each[1] ?? 0) - 30) ** 2) / (100 * 0.3 * 0.7)).toBeCloseTo(1, 1);
  expect(mean((each) => ((each[1] ?? 0) - 30) * ((each[2] ?? 0) - 20)) / (-100 * 0.3 * 0.2)).toBeCloseTo(1, 1);
});
