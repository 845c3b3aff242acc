import { expect, test } from "vitest";
import type { Measurement } from "../runs/measurement.ts";
import { type EvaluationView, emptyView, type RunView } from "../runs/view.ts";
import { stabilityFigure, stabilityGaps } from "./stability-figure.ts";

const row = (task: number, step: number, zs: number, state: EvaluationView["state"] = "live"): EvaluationView => {
  const measured = (metric: string, value: number): Measurement => ({ metric, value, unit: "share", samples: 10 });
  return { task, step, state, cells: {}, scores: { ka: measured("ka", 0.2), zs: measured("zs", zs), kaSets: [], zsSets: [] } };
};
const view: RunView = {
  ...emptyView(),
  evaluations: [row(-1, 0, 0.7), row(0, 1, 0.5, "inside"), row(0, 5, 0.6, "inside"), row(0, 10, 0.65), row(1, 20, 0.6)],
};

test("a gap is the lowest point on a task's way; a task without points on its way has none", () => {
  expect(stabilityGaps({ view })).toEqual([{ task: 0, before: 0.7, lowest: 0.5, after: 0.65, step: 1 }]);
});

test("the figure says where retention fell farthest, and is not drawn for a run without points inside", () => {
  const content = { view };
  const figure = stabilityFigure(content);
  expect(figure?.reading).toBe("Retention fell farthest inside “task 1”: from 70.0 to 50.0 at step 1, and ended at 65.0.");
  expect(figure?.table.rows).toEqual([["task 1", "70.0", "50.0", 1, "65.0", "−15.0"]]);
  const ends = view.evaluations.filter(({ state }) => state !== "inside");
  expect(stabilityFigure({ view: { ...view, evaluations: ends } })).toBeUndefined();
});
