import { expect, test } from "vitest";
import { createCalibration } from "./calibration.ts";

/** Scores whose softmax at scale 1 gives the first class the probability p of two. */
const scores = (p: number): number[] => [Math.log(p / (1 - p)), 0];

test("predictions that are right as often as they are sure have no error", () => {
  const calibration = createCalibration(2, 1);
  for (let i = 0; i < 100; i++) calibration.add(scores(0.8), [i < 80 ? 0 : 1]);
  expect(calibration.error()).toBeCloseTo(0, 10);
});

test("the error is the distance of accuracy from confidence, bin by bin, weighted by items", () => {
  const calibration = createCalibration(2, 1);
  for (let i = 0; i < 30; i++) calibration.add(scores(0.9), [i < 15 ? 0 : 1]);
  for (let i = 0; i < 10; i++) calibration.add(scores(0.6), [0]);
  expect(calibration.error()).toBeCloseTo((30 * 0.4 + 10 * 0.4) / 40, 10);
});

test("a higher temperature scale makes the same scores surer", () => {
  const [mild, sharp] = [createCalibration(2, 1), createCalibration(2, 100)];
  for (const each of [mild, sharp]) each.add([0.3, 0.2, 0.3, 0.2], [0, 1]);
  // Half are right: sure by 0.525 and by nearly 1.
  expect(mild.error()).toBeCloseTo(1 / (1 + Math.exp(-0.1)) - 0.5, 10);
  expect(sharp.error()).toBeCloseTo(1 / (1 + Math.exp(-10)) - 0.5, 10);
  expect(createCalibration(2, 1).error()).toBeUndefined();
});
