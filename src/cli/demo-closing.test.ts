import { expect, test } from "vitest";
import type { Measurement } from "../runs/measurement.ts";
import { type EvaluationView, emptyView, type RunView } from "../runs/view.ts";
import { whatHappened } from "./demo-closing.ts";
import { commandName } from "./output.ts";

const share = (metric: string, value: number): Measurement => ({
  metric,
  value,
  unit: "share",
  samples: 100,
  interval: [value - 0.02, value + 0.02],
});
const evaluation = (task: number, ka: number, zs: number): EvaluationView => ({
  task,
  step: 0,
  state: "live",
  cells: {},
  scores: { ka: share("ka", ka), zs: share("zs", zs), kaSets: ["a", "b"], zsSets: ["c"] },
});
const told = (ka: number, zs: number): string => {
  const view: RunView = { ...emptyView(), samples: 10240, evaluations: [evaluation(-1, 0.1, 0.6), evaluation(3, ka, zs)] };
  return whatHappened(view).join("\n");
};

test("a rise and a fall outside the intervals are told in points, with both values and intervals", () => {
  const text = told(0.305, 0.55);
  expect(text).toContain("It learned what it was taught (+20.5 points) and\nforgot a part of what it knew before (−5.0 points).");
  expect(text).toContain("10.0 (8.0 to 12.0)  30.5 (28.5 to 32.5)");
  expect(text).toContain("2 sets");
});

test("a move inside an interval is called none", () => {
  expect(told(0.115, 0.585)).toContain(
    "did not measurably learn what it was taught and\nkept what it knew before, as far as these sets can tell.",
  );
});

test("no line is wider than 80 columns", () => {
  expect(
    Math.max(
      ...told(0.9, 0.1)
        .split("\n")
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(80);
});

test("a run without scores says so by leaving them away", () => {
  expect(whatHappened(emptyView()).join("\n")).not.toMatch(/KA|NaN|undefined/);
});

test("commands are typed with npx in a checkout that npm started", () => {
  expect([commandName({}), commandName({ npm_lifecycle_event: "demo" })]).toEqual(["evergreen", "npx evergreen"]);
});
