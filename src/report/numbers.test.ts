import { expect, test } from "vitest";
import { points, pointsWithInterval, withDeviation, withInterval } from "./numbers.ts";

test("a change has its sign, and its interval where it has one; what rounds to nothing has no sign", () => {
  expect([0.312, -0.021, 0.0004, -0.0004].map(points)).toEqual(["+31.2", "−2.1", "0.0", "0.0"]);
  expect(pointsWithInterval({ value: 0.031, interval: [-0.01, 0.052] })).toBe("+3.1 (−1.0 to +5.2)");
  expect(pointsWithInterval({ value: -0.031 })).toBe("−3.1");
});

test("a score over seeds is a mean and a deviation; of one seed it is a mean", () => {
  expect([withDeviation(0.613, 0.002), withDeviation(0.613, undefined)]).toEqual(["61.3 ± 0.2", "61.3"]);
});

test("a measurement has its interval in brackets; what was not measured has no text", () => {
  expect(withInterval({ value: 0.713, interval: [0.68, 0.745] })).toBe("71.3 (68.0–74.5)");
  expect([withInterval({ value: 1 }), withInterval(undefined)]).toEqual(["100.0", undefined]);
});
