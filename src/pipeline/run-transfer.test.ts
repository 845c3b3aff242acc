import { expect, test } from "vitest";
import { type EvaluationView, emptyView } from "../runs/view.ts";
import { transferOfRun } from "./run-transfer.ts";

const row = (task: number, values: Readonly<Record<string, number>>): EvaluationView => ({
  task,
  step: 0,
  state: "live",
  cells: Object.fromEntries(
    Object.entries(values).map(([set, value]) => {
      const headline = { metric: "acc1", value, unit: "share" as const, samples: 10 };
      return [set, { headline, measurements: [headline] }];
    }),
  ),
});
const tasks = [{ concepts: ["a/x"] }, { concepts: ["b/x", "a/y"] }, { concepts: ["c/x"] }];

test("a set is learned at its last task; what no task holds is retained or not", () => {
  const evaluations = [
    row(-1, { a: 0.1, b: 0.1, c: 0.1, held: 0.8 }),
    row(0, { a: 0.3, b: 0.2, c: 0.1, held: 0.8 }),
    row(1, { a: 0.6, b: 0.7, c: 0.2, held: 0.6 }),
    row(2, { a: 0.5, b: 0.7, c: 0.9, held: 0.4 }),
  ];
  const transfer = transferOfRun({ ...emptyView(), evaluations }, tasks);
  expect(transfer?.backward).toBeCloseTo((0.5 - 0.6 + (0.7 - 0.7)) / 2, 12);
  expect(transfer?.forward).toBeCloseTo((0.3 - 0.1 + (0.2 - 0.1) + (0.2 - 0.1)) / 3, 12);
  expect(transfer?.forgetting).toBeCloseTo((0.6 - 0.5 + 0) / 2, 12);
  expect(transfer?.retention).toBeCloseTo(0.5, 12);
});

test("nothing is said of a run that was not scored before and after", () => {
  expect(transferOfRun(emptyView(), tasks)).toBeUndefined();
  expect(transferOfRun({ ...emptyView(), evaluations: [row(0, { a: 1 })] }, tasks)).toBeUndefined();
});
