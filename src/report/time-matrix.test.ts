import { expect, test } from "vitest";
import type { Measurement } from "../runs/measurement.ts";
import { type EvaluationView, emptyView, type RunView } from "../runs/view.ts";
import { timeReading, timeTable } from "./time-matrix.ts";
import { timeMatrixFigure } from "./time-matrix-figure.ts";

const share = (value: number): Measurement => ({
  metric: "dynamic",
  value,
  unit: "share",
  samples: 10,
  interval: [value - 0.1, value + 0.1],
});
const row = (task: number, values: readonly (number | null)[], still: number): EvaluationView => ({
  ...{ task, step: task + 1, state: "live", cells: {} },
  scores: {
    kaSets: [],
    zsSets: [],
    splits: { static: share(still), dynamic: values.map((value) => (value === null ? null : share(value))) },
  },
});
const view: RunView = {
  ...emptyView({ hash: "", tasks: [2019, 2020].map((year, index) => ({ index, name: `${year}`, steps: 1 })) }),
  evaluations: [row(0, [0.5, 0.2], 0.6), row(-1, [0.1, null], 0.7), row(1, [0.4, 0.8], 0.5)],
};

test("a row is what was trained through, a column whose tests; what was not scored is a gap", () => {
  expect(timeTable(view).columns.map(({ title }) => title)).toEqual(["trained through", "2019", "2020", "static"]);
  expect(timeTable(view).rows).toEqual([
    ["start", "10.0", undefined, "70.0"],
    ["2019", "50.0", "20.0", "60.0"],
    ["2020", "40.0", "80.0", "50.0"],
  ]);
  expect(timeTable(view, true).rows[2]?.[2]).toBe("80.0 (70.0–90.0)");
});

test("the measures that there are, and the static tests, are told in words", () => {
  const measures = { inDomain: 0.65, past: 0.4, future: 0.2, backward: -0.1, forward: undefined, forgetting: 0.1 };
  expect(timeReading(view, measures)).toBe(
    "Mean scores: in domain 65.0 %, on tasks before 40.0 %, on tasks still to come 20.0 %. Backward transfer −10.0 points, forgetting +10.0 points. The static tests went from 70.0 to 50.0 %.",
  );
});

test("the picture has a cell for each score and a frame around each task's own tests; another run has no such figure", () => {
  const svg = timeMatrixFigure({ view })?.svg ?? "";
  const texts = [...svg.matchAll(/>(\d+\.\d)</g)].map(([, text]) => text);
  expect(texts.sort()).toEqual(["10.0", "20.0", "40.0", "50.0", "50.0", "60.0", "70.0", "80.0"]);
  // Eight cells and two frames.
  expect([...svg.matchAll(/<rect /g)]).toHaveLength(10);
  expect(timeMatrixFigure({ view: emptyView() })).toBeUndefined();
});
