import { expect, test } from "vitest";
import { emptyView } from "../runs/view.ts";
import { mixtureFigure } from "./mixture-figure.ts";

test("shares are of the rows that a task drew; a source that gave none shows a dash, one that never gave any no column", () => {
  const drawn = [
    { task: 0, source: "update", n: 60 },
    { task: 0, source: "pretraining", n: 40 },
    { task: 1, source: "update", n: 20 },
    { task: 1, source: "update", n: 10 },
    { task: 1, source: "buffer", n: 30 },
    { task: 1, source: "pretraining", n: 40 },
  ];
  const figure = mixtureFigure({ view: emptyView(), drawn });
  expect(figure?.table.columns.map(({ title }) => title)).toEqual(["task", "rows", "update %", "buffer %", "pretraining %"]);
  expect(figure?.table.rows).toEqual([
    ["task 1", "100", "60.0", undefined, "40.0"],
    ["task 2", "100", "30.0", "30.0", "40.0"],
  ]);
  expect(figure?.reading).toBe("200 rows in 2 tasks.");
});

test("a run that has drawn nothing has no such figure", () => {
  expect(mixtureFigure({ view: emptyView() })).toBeUndefined();
});
