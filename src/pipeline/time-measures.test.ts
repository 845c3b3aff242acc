import { expect, test } from "vitest";
import { type EvaluationView, emptyView } from "../runs/view.ts";
import { timeMeasures } from "./time-measures.ts";

const row = (task: number, percents: readonly (number | null)[]): EvaluationView => ({
  ...{ task, step: task + 1, state: "live", cells: {} },
  scores: {
    ...{ kaSets: [], zsSets: [] },
    splits: {
      dynamic: percents.map((value) => (value === null ? null : { metric: "dynamic", value: value / 100, unit: "share", samples: 1 })),
    },
  },
});
// The matrix of golden row evaluation.g6.
const rows = [row(-1, [10, 12, 8]), row(0, [50, 20, 10]), row(1, [40, 60, 15]), row(2, [35, 55, 70])];
const round = (value: number | undefined): number | undefined => (value === undefined ? undefined : Number((100 * value).toFixed(9)));
const measured = (evaluations: readonly EvaluationView[]): Readonly<Record<string, number | undefined>> =>
  Object.fromEntries(Object.entries(timeMeasures({ ...emptyView(), evaluations }) ?? {}).map(([name, value]) => [name, round(value)]));

test("transfer and the parts of the matrix are those of golden row evaluation.g6", () => {
  expect(measured(rows)).toEqual({
    ...{ backward: -10, forward: 7.5, forgetting: 10 },
    ...{ inDomain: 60, past: Number((130 / 3).toFixed(9)), future: 15 },
  });
});

test("missing entries are in no mean", () => {
  const holes = [row(-1, [10, null, 8]), row(0, [50, 20, null]), row(2, [35, null, 70])];
  expect(measured(holes)).toEqual({ backward: -15, forward: undefined, forgetting: 15, inDomain: 60, past: 35, future: 20 });
});

test("nothing is measured before a task was scored, nor of a run without such tests", () => {
  expect(timeMeasures({ ...emptyView(), evaluations: rows.slice(0, 1) })).toBeUndefined();
  expect(timeMeasures(emptyView())).toBeUndefined();
});
