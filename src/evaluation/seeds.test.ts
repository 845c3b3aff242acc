import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { studentT95 } from "../util/student.ts";
import { differenceOverSeeds, type SeedValue, spreadOverSeeds } from "./seeds.ts";

test("Student's t: the tables' values, and the normal's in the end", () => {
  const table = { 1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 19: 2.093, 30: 2.042, 120: 1.98 };
  for (const [degrees, expected] of Object.entries(table)) expect(studentT95(Number(degrees))).toBeCloseTo(expected, 3);
  expect(studentT95(1)).toBeCloseTo(Math.tan((0.95 * Math.PI) / 2), 9);
  expect(studentT95(100_000)).toBeCloseTo(1.95998, 4);
  expect(() => studentT95(0)).toThrow("0 degrees of freedom");
});

describe("spread over seeds", () => {
  test("three seeds: mean, deviation, and 4.303 standard errors", () => {
    const found = spreadOverSeeds([0.6, 0.62, 0.64]);
    expect(found?.value).toBeCloseTo(0.62, 12);
    expect(found?.deviation).toBeCloseTo(0.02, 12);
    const half = (4.302653 * 0.02) / Math.sqrt(3);
    expect(found?.interval?.[0]).toBeCloseTo(0.62 - half, 7);
    expect(found?.interval?.[1]).toBeCloseTo(0.62 + half, 7);
  });
  test("one seed has no spread, none no mean", () => {
    expect(spreadOverSeeds([0.5])).toEqual({ value: 0.5, seeds: 1, deviation: undefined, interval: undefined });
    expect(spreadOverSeeds([])).toBeUndefined();
  });
});

const values = (...of: readonly (readonly [seed: number, value: number])[]): readonly SeedValue[] =>
  of.map(([seed, value]) => ({ seed, value }));

describe("difference over seeds", () => {
  test("common seeds are paired: what a seed does to both is no uncertainty", () => {
    const found = differenceOverSeeds(values([0, 0.61], [1, 0.71], [2, 0.52]), values([0, 0.6], [1, 0.7], [2, 0.5], [7, 0.1]));
    expect(found).toMatchObject({ isPaired: true, seeds: 3 });
    expect(found?.value).toBeCloseTo((0.01 + 0.01 + 0.02) / 3, 12);
    const half = (4.302653 * Math.sqrt(1 / 30000)) / Math.sqrt(3);
    expect((found?.interval?.[1] ?? 0) - (found?.value ?? 0)).toBeCloseTo(half, 7);
  });
  test("the same values are a difference of exactly nothing", () => {
    const a = values([0, 0.6], [1, 0.7]);
    expect(differenceOverSeeds(a, a)).toEqual({ value: 0, interval: [0, 0], isPaired: true, seeds: 2 });
  });
  test("other seeds: Welch's interval, worked by hand", () => {
    // Variances 0.0001 and 0.0004 over three each: (5/3)²·10⁻⁸ / ((1/9 + 16/9)/2 · 10⁻⁸) = 2.94 degrees, 2 rounded down.
    const found = differenceOverSeeds(values([0, 0.5], [1, 0.51], [2, 0.52]), values([3, 0.4], [4, 0.42], [5, 0.44]));
    expect(found).toMatchObject({ isPaired: false, seeds: 3 });
    expect(found?.value).toBeCloseTo(0.09, 12);
    expect((found?.interval?.[1] ?? 0) - 0.09).toBeCloseTo(4.302653 * Math.sqrt(0.0005 / 3), 7);
  });
  test("one seed against three has a value and no interval; nothing has neither", () => {
    expect(differenceOverSeeds(values([0, 0.5]), values([0, 0.4], [1, 0.6]))).toMatchObject({
      value: 0,
      interval: undefined,
      isPaired: false,
    });
    expect(differenceOverSeeds([], values([0, 0.4]))).toBeUndefined();
  });
  test("of two equal settings about one in twenty is called different, paired or not", () => {
    const draws = createRandom(0).at("test/seeds");
    let [paired, apart] = [0, 0];
    const outside = ([low, high]: readonly [number, number] = [0, 0]): number => (low > 0 || high < 0 ? 1 : 0);
    const trials = 2000;
    for (let i = 0; i < trials; i++) {
      const of = (from: number) => values([from, draws.normal()], [from + 1, draws.normal()], [from + 2, draws.normal()]);
      paired += outside(differenceOverSeeds(of(0), of(0))?.interval);
      apart += outside(differenceOverSeeds(of(0), of(5))?.interval);
    }
    expect(paired / trials).toBeGreaterThan(0.035);
    expect(paired / trials).toBeLessThan(0.065);
    // Degrees rounded down err on the side of a tie.
    expect(apart / trials).toBeLessThan(0.065);
  });
});
