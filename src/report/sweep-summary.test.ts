import { expect, test } from "vitest";
import { madeTrial } from "../../test/fixtures/runs/made-trial.ts";
import type { TrialResult } from "../runs/trial.ts";
import { sweepFigure } from "./sweep-figure.ts";
import { type SweptTrial, spreadOf, sweepCells, sweepTable } from "./sweep-summary.ts";

const result = (ka: number, zs: number): TrialResult =>
  madeTrial({
    evaluations: [
      { task: -1, step: 0, ka: { value: 0.1 }, zs: { value: 0.9 }, gm: { value: 0.3 }, sets: {} },
      { task: 0, step: 1, ka: { value: ka }, zs: { value: zs }, gm: { value: Math.sqrt(ka * zs) }, sets: {} },
    ],
  });
const trial = (order: string, seed: number, found?: TrialResult): SweptTrial => ({
  trial: `${order}-${seed}`,
  labels: { order, seed: String(seed) },
  ...(found ? { result: found } : {}),
});

test("a spread is mean, sample deviation and Student's interval; of 1, 2, 3: 2 ± 1, 2 ± t/√3 with t = .95·√(2/(1 − .95²))", () => {
  const spread = spreadOf([1, 2, 3]);
  expect(spread?.mean).toBe(2);
  expect(spread?.deviation).toBe(1);
  expect(spread?.interval?.[1]).toBeCloseTo(2 + (0.95 * Math.SQRT2) / Math.sqrt(1 - 0.95 ** 2) / Math.sqrt(3), 12);
  expect(spreadOf([5])).toEqual({ mean: 5, count: 1 });
  expect(spreadOf([])).toBeUndefined();
});

test("trials gather over seeds; what has no result is missing and never counted as zero", () => {
  const cells = sweepCells([
    trial("random", 0, result(0.3, 0.6)),
    trial("random", 1, result(0.4, 0.7)),
    trial("time", 0),
    trial("time", 1),
    trial("given", 0, result(0.2, 0.5)),
    trial("given", 1),
  ]);
  expect(sweepTable(["order", "seed"], cells).rows).toEqual([
    ["random", "35.0 ± 7.1", "65.0 ± 7.1", "47.7 ± 7.4", "2"],
    ["time", undefined, undefined, undefined, "missing"],
    ["given", "20.0", "50.0", "31.6", "1 of 2"],
  ]);
  expect(cells[0]?.start.ka?.mean).toBeCloseTo(0.1, 12);
});

test("the figure numbers the cells that have results and says which lack some", () => {
  const cells = sweepCells([trial("random", 0, result(0.3, 0.6)), trial("random", 1, result(0.4, 0.7)), trial("time", 0)]);
  const figure = sweepFigure({ name: "orders", axes: ["order", "seed"] }, cells);
  expect(figure?.reading).toBe("Before training: KA 10.0 %, ZS 90.0 %. Missing: time.");
  expect(figure?.svg).toMatch(/>1 {2}random</);
  expect(figure?.svg).not.toMatch(/>2 {2}time</);
  expect(sweepFigure({ name: "orders", axes: ["order"] }, sweepCells([trial("time", 0)]))).toBeUndefined();
});

test("a cell far below the others is told of in the key and not drawn; numbers of cells at one place stand apart", () => {
  const alike = Array.from({ length: 8 }, (_, i) => trial(`alike-${i}`, 0, result(0.3 + i / 1e5, 0.6)));
  const svg = sweepFigure({ name: "orders", axes: ["order"] }, sweepCells([...alike, trial("lost", 0, result(0.02, 0.03))]))?.svg ?? "";
  expect(svg).toContain("9  lost ↙ 3, 2");
  const numbers = svg.match(/<circle[^>]*r="7\.5"[^>]*>/g) ?? [];
  const circles = numbers.map((mark) => ["cx", "cy"].map((at) => Number(new RegExp(`${at}="([\\d.]+)"`).exec(mark)?.[1])));
  expect(circles).toHaveLength(8);
  for (const [i, [x = 0, y = 0]] of circles.entries())
    for (const [a = 0, b = 0] of circles.slice(i + 1)) expect(Math.hypot(x - a, y - b)).toBeGreaterThan(14);
});
