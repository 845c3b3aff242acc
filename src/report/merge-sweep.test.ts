import { expect, test } from "vitest";
import { type SweptWeight, sweepAdvice, sweepWeightsTable } from "./merge-sweep.ts";
import { mergeSweepFigure } from "./merge-sweep-figure.ts";

const measured = (metric: string, value: number) => ({
  metric,
  value,
  unit: "share" as const,
  samples: 100,
  interval: [value - 0.02, value + 0.02] as const,
});
const point = (weight: number, ka: number, zs: number): SweptWeight => ({
  weight,
  scores: { ka: measured("ka", ka), zs: measured("zs", zs), gm: measured("gm", Math.sqrt(ka * zs)) },
});
/** Knowledge rises towards the new weights, retention falls; ZS of the start is 60 %. */
const swept = [point(0, 0.8, 0.5), point(0.25, 0.78, 0.58), point(0.5, 0.7, 0.59), point(0.75, 0.7, 0.595), point(1, 0.4, 0.6)];
const start = point(1, 0.4, 0.6).scores;

test.each([
  // 0.5 and 0.75 know as much: the one nearer to the old weights is kept.
  ["ka", { points: -1 }, 0.75],
  ["ka", { points: -2 }, 0.25],
  ["ka", { points: -20 }, 0],
  ["ka", { points: 0 }, 1],
  ["ka", { share: 0.585 }, 0.75],
  ["gm", { points: -20 }, 0.25],
] as const)("the best %s above the floor %j is at %d", (by, floor, weight) => {
  expect(sweepAdvice(swept, start, { by, floor }).weight).toBe(weight);
});

test("the sentence says what is kept, what it scores and what it was chosen among", () => {
  expect(sweepAdvice(swept, start, { by: "ka", floor: { points: -1 } }).sentence).toBe(
    "Keep 0.75 of the old weights: KA 70.0 (68.0–72.0) % and ZS 59.5 (57.5–61.5) %, the best KA of the 3 that hold ZS within 1.0 points of the start's 60.0 %.",
  );
  expect(sweepAdvice(swept, start, { by: "gm", floor: { share: 0.9 } })).toEqual({
    weight: undefined,
    leastZs: 0.9,
    sentence: "No weight holds ZS at or above 90.0 %; the nearest is 1 of the old weights with 60.0 (58.0–62.0) %.",
  });
  const unheld = swept.map(({ weight, scores: { ka } }) => ({ weight, scores: ka ? { ka } : {} }));
  const advice = sweepAdvice(unheld, {}, { by: "ka", floor: { points: -1 } });
  expect([advice.weight, advice.leastZs]).toEqual([0, undefined]);
  expect(advice.sentence).toContain("nothing is held out, so retention is not known");
});

test("the table marks what is kept and what lies below the floor", () => {
  const { rows } = sweepWeightsTable(swept, sweepAdvice(swept, start, { by: "ka", floor: { points: -1 } }));
  expect(rows.map((row) => [row[0], row[4]])).toEqual([
    ["0", "below the floor"],
    ["0.25", "below the floor"],
    ["0.5", ""],
    ["0.75", "keep"],
    ["1", ""],
  ]);
  expect(rows[1]?.slice(1, 3)).toEqual(["78.0 (76.0–80.0)", "58.0 (56.0–60.0)"]);
});

test("the figure draws a line for each score, the floor and the weight to keep", () => {
  const advice = sweepAdvice(swept, start, { by: "ka", floor: { points: -1 } });
  const { svg = "", reading } = mergeSweepFigure(swept, advice) ?? {};
  expect(svg.match(/stroke-width="2"/g)).toHaveLength(3);
  expect(svg.match(/stroke-dasharray="5,4"/g)).toHaveLength(1);
  expect(svg.match(/<circle/g)).toHaveLength(15);
  expect(reading).toBe(advice.sentence);
  expect(mergeSweepFigure([{ weight: 0, scores: {} }], advice)).toBeUndefined();
});
