import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { overResampledSeeds } from "./seed-bootstrap.ts";

const random = createRandom(0);
const still = (value: number): Float64Array => new Float64Array(1001).fill(value);
const mean = ([a = Number.NaN]: readonly number[]): number => a;

test("without noise of items three seeds reach from the lowest to the highest: each alone is drawn in 1 of 27 resamples, more than 2.5 %", () => {
  expect(overResampledSeeds(random, [[still(0), still(1), still(2)]], mean)).toEqual({ value: 1, interval: [0, 2], bySeed: [0, 1, 2] });
  expect(overResampledSeeds(random, [[still(3), still(3), still(3)]], mean)).toEqual({ value: 3, interval: [3, 3], bySeed: [3, 3, 3] });
});

test("many seeds spread as their standard error says", () => {
  const seeds = Array.from({ length: 40 }, (_, i) => still(i));
  const { value, interval } = overResampledSeeds(random, [seeds], mean) ?? { value: Number.NaN, interval: undefined };
  // Deviation of 0 … 39 (n in the denominator) over √40.
  const error = Math.sqrt((40 ** 2 - 1) / 12 / 40);
  expect(value).toBe(19.5);
  expect(Math.abs(((interval?.[1] ?? 0) - (interval?.[0] ?? 0)) / (2 * 1.96 * error) - 1)).toBeLessThan(0.08);
});

test("settings are drawn with the same seeds, so what a seed does to both goes out", () => {
  const a = [still(5), still(9), still(1)];
  const b = [still(4), still(8), still(0)];
  const difference = ([x = 0, y = 0]: readonly number[]): number => x - y;
  const found = overResampledSeeds(random, [a, b], difference);
  expect(found?.value).toBeCloseTo(1, 12);
  expect(found?.interval?.[0]).toBeCloseTo(1, 12);
  expect(found?.interval?.[1]).toBeCloseTo(1, 12);
});

test("resamples of items come in: one seed has their spread, nothing has none", () => {
  const vector = Float64Array.from({ length: 1001 }, (_, r) => (r === 0 ? 0.5 : (r - 1) / 999));
  expect(overResampledSeeds(random, [[vector]], mean)).toEqual({
    value: 0.5,
    interval: [expect.closeTo(0.025, 12), expect.closeTo(0.975, 12)],
    bySeed: [0.5],
  });
  expect(overResampledSeeds(random, [], mean)).toBeUndefined();
  expect(overResampledSeeds(random, [[]], mean)).toBeUndefined();
});
