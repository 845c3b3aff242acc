import { expect, test } from "vitest";
import { standalone } from "./drawing.ts";
import { rateSummary, scheduleFigure } from "./schedule-figure.ts";

test("a task's rates come to first, highest, mean, last and the steps that learn nothing", () => {
  expect(rateSummary([1, 4, 4, 0])).toEqual({ first: 1, highest: 4, highestAt: 2, mean: 2.25, last: 0, zeroSteps: 1 });
});

test("the figure names its tasks, escapes what they are called, and draws one line through all of them", () => {
  const { table, svg, reading } = scheduleFigure("wsd", [{ name: "<b>2019", rates: [1e-5, 2e-5] }, { rates: [1e-5, 0] }]);
  expect(table.rows.map((row) => row.slice(0, 3))).toEqual([
    [1, "<b>2019", 2],
    [2, "", 2],
  ]);
  expect(table.rows[0]?.[4]).toBe("2.000e-5");
  expect(reading).toContain("2.00e−5");
  const file = standalone(svg);
  expect(file).toContain("&lt;b&gt;2019");
  expect(file).toContain("task 2");
  expect(file).not.toMatch(/var\(--|<b>|NaN/);
  expect(file.match(/stroke-width="1.75"/g)?.length).toBe(1);
});
