import { expect, test } from "vitest";
import type { RunView } from "../runs/view.ts";
import { emptyView } from "../runs/view.ts";
import { budgetFigure, budgetsFigure, type RunSpending, type Spending } from "./budget-figure.ts";

const of = (planned: number, spent = planned): Spending => ({ planned, spent });
/** Two tasks of 300 GFLOP in steps and 100 at their end; the second stopped after a third of its steps. */
const spending: RunSpending = {
  before: of(10e9),
  tasks: [
    { steps: of(300e9), beside: of(100e9), evaluation: of(20e9) },
    { steps: of(300e9, 100e9), beside: of(100e9, 0), evaluation: of(20e9, 0) },
  ],
  budget: 1000e9,
  given: "400 GMAF a task",
  multiplier: 0.8,
};
const task = (index: number, done: number): RunView["tasks"][number] => ({ index, steps: 3, done, state: done === 3 ? "done" : "running" });
const view: RunView = { ...emptyView(), tasks: [task(0, 3), task(1, 1)] };
const figure = budgetFigure({ view, spending });

test("steps and what lies beside them add up against the budget, evaluation stands apart", () => {
  expect(figure?.table.rows).toEqual([
    ["start", undefined, undefined, undefined, undefined, "10.00 GFLOP", "10.00 GFLOP", undefined, undefined],
    ["task 1", "300.0 GFLOP", "300.0 GFLOP", "100.0 GFLOP", "100.0 GFLOP", "20.00 GFLOP", "20.00 GFLOP", "400.0 GFLOP", "40.0"],
    ["task 2", "300.0 GFLOP", "100.0 GFLOP", "100.0 GFLOP", "0.000 FLOP", "20.00 GFLOP", "0.000 FLOP", "500.0 GFLOP", "50.0"],
  ]);
  expect(figure?.reading).toBe(
    "500.0 GFLOP of the budget's 1.000 TFLOP are spent (50.0 %), 20.0 % of it beside steps, the plan's other 300.0 GFLOP are not spent; with memory × 0.8 that is 400.0 GMAF. Evaluation took 30.00 GFLOP beside it, 6.0 % of that.",
  );
  expect(figure?.legend).toContain("the dashed line is the budget (400 GMAF a task)");
});

test("a bar begins where the one before it ended: the picture's bars have the heights of the numbers", () => {
  const rects = [...(figure?.svg ?? "").matchAll(/<rect [^>]*>/g)].map(([tag]) => {
    const at = (name: string): number => Number(new RegExp(` ${name}="([^"]+)"`).exec(tag)?.[1]);
    return { top: at("y"), bottom: at("y") + at("height") };
  });
  const [steps, end, next] = rects;
  expect(rects).toHaveLength(3);
  const unit = ((steps?.bottom ?? 0) - (steps?.top ?? 0)) / 300;
  expect(((end?.bottom ?? 0) - (end?.top ?? 0)) / unit).toBeCloseTo(100, 6);
  expect(end?.bottom).toBeCloseTo(steps?.top ?? 0, 6);
  expect(next?.bottom).toBeCloseTo(end?.top ?? 0, 6);
  expect(((next?.bottom ?? 0) - (next?.top ?? 0)) / unit).toBeCloseTo(100, 6);
});

test("several runs are a line each, with their own budgets", () => {
  const { multiplier: _, ...plain } = spending;
  const other: RunSpending = { ...plain, tasks: spending.tasks.slice(0, 1), budget: 400e9, given: "4 steps" };
  const both = budgetsFigure([
    { name: "a", spending },
    { name: "b", spending: other },
  ]);
  expect(both.table.rows.map((row) => [row[0], row[1], row[3], row[5], row[7], row[8], row[9]])).toEqual([
    ["a", "400 GMAF a task", "400.0 GFLOP", "100.0 GFLOP", "30.00 GFLOP", "500.0 GFLOP", "50.0"],
    ["b", "4 steps", "300.0 GFLOP", "100.0 GFLOP", "30.00 GFLOP", "400.0 GFLOP", "100.0"],
  ]);
  expect(both.reading).toContain("b: 400.0 GFLOP of the budget's 400.0 GFLOP are spent (100.0 %), 25.0 % of it beside steps, as planned.");
});

test("what is not known is not drawn, and a run that has spent nothing says so", () => {
  expect(budgetFigure({ view })).toBeUndefined();
  const waiting = { ...spending, tasks: [{ steps: of(5e9, 0), beside: of(0), evaluation: of(0) }] };
  expect(budgetFigure({ view: emptyView(), spending: waiting })?.reading).toBe(
    "Nothing of a budget of 1.000 TFLOP is spent; the plan is 5.000 GFLOP.",
  );
});
