import * as Plot from "@observablehq/plot";
import type { RunView } from "../runs/view.ts";
import { evaluationName, type ReportContent, taskName } from "./content.ts";
import { draw, type Figure, short } from "./drawing.ts";
import { score } from "./numbers.ts";
import { ink, legible } from "./palette.ts";
import { timedRows, timeReading, timeTable } from "./time-matrix.ts";

/** The tests of every task after every task; undefined for a run that is not scored on them. */
export function timeMatrixFigure({ view, overTime }: Pick<ReportContent, "view" | "overTime">): Figure | undefined {
  if (timedRows(view).length === 0) return undefined;
  return {
    id: "time-matrix",
    title: "Every task's tests after every task",
    legend:
      "A row what was trained through, a column whose test items, the score in per cent; darker is lower. A frame marks a task's own tests: below it lies the past, above it what is still to come. The static tests are those of sets that are never trained on.",
    reading: timeReading(view, overTime),
    table: timeTable(view),
    svg: drawMatrix(view),
  };
}

const still = "static";

function drawMatrix(view: RunView): string {
  const rows = timedRows(view);
  const tests = rows[0]?.splits.dynamic.map((_, task) => String(task)) ?? [];
  const columns = [...tests, ...(rows.some(({ splits }) => splits.static) ? [still] : [])];
  const cells = rows.flatMap(({ task, splits }) =>
    columns.flatMap((column) => {
      const found = column === still ? splits.static : splits.dynamic[Number(column)];
      return found ? [{ task, column, value: found.value, text: score(found.value) }] : [];
    }),
  );
  const colours = Plot.scale({ color: { type: "linear", scheme: "cividis", domain: [0, 1] } });
  const fill = ({ value }: { readonly value: number }): string => String(colours.apply(value));
  const own = rows.filter(({ task }) => task >= 0).map(({ task }) => ({ task, column: String(task) }));
  const nameOf = (task: number): string => short(task < 0 ? evaluationName(task, view) : taskName(task, view), 24);
  const margin = 28 + 6.8 * Math.max(...rows.map(({ task }) => nameOf(task).length));
  const at = { x: "column", y: "task" } as const;
  const width = Math.max(34, Math.min(64, 900 / columns.length));
  return draw("Heat map of the score on every task's tests after every task. The numbers are in the table.", {
    width: margin + 16 + columns.length * width,
    height: 56 + rows.length * 25,
    marginLeft: margin,
    marginRight: 16,
    marginTop: 40,
    marginBottom: 8,
    x: { domain: columns, type: "band", padding: 0.04, label: null },
    y: { domain: rows.map(({ task }) => task), type: "band", padding: 0.06, label: null },
    marks: [
      Plot.axisX({
        anchor: "top",
        tickSize: 0,
        fill: ink("ink"),
        label: null,
        tickFormat: (column: string) => (column === still ? still : short(taskName(Number(column), view), Math.floor(width / 6.5))),
      }),
      Plot.axisY({ tickSize: 0, fill: ink("ink"), label: null, tickFormat: nameOf }),
      Plot.cell(cells, { ...at, fill, rx: 2 }),
      Plot.text(cells, {
        ...at,
        text: "text",
        fill: (cell: { readonly value: number }) => legible(fill(cell)),
        fontVariant: "tabular-nums",
        fontSize: width < 44 ? 10 : 12,
      }),
      Plot.cell(own, { ...at, fill: "none", stroke: ink("ink"), strokeWidth: 2.5, rx: 2, inset: -1 }),
    ],
  });
}
