import * as Plot from "@observablehq/plot";
import { type ReportContent, taskName } from "./content.ts";
import { draw, type Figure } from "./drawing.ts";
import { count, score } from "./numbers.ts";
import { ink } from "./palette.ts";

const sources = ["update", "buffer", "pretraining", "reservoir", "reference"] as const;
const colours: Readonly<Record<string, string>> = {
  update: ink("knowledge"),
  buffer: ink("mean"),
  pretraining: ink("zero-shot"),
  reservoir: ink("quiet"),
  reference: ink("line"),
};

/** What each task's batches were really made of, from the run's ledger; undefined before a task has ended. */
export function mixtureFigure({ view, drawn = [] }: Pick<ReportContent, "view" | "drawn">): Figure | undefined {
  if (drawn.length === 0) return undefined;
  // A ledger has a row for each concept and pass of a source: thousands, gone through once.
  const counts = new Map<number, Map<string, number>>();
  for (const { task, source, n } of drawn) {
    const of = counts.get(task) ?? new Map<string, number>();
    counts.set(task, of.set(source, (of.get(source) ?? 0) + n));
  }
  const tasks = [...counts.keys()].sort((a, b) => a - b);
  const shown = sources.filter((source) => [...counts.values()].some((of) => of.has(source)));
  const rowsOf = (task: number, source?: string): number => {
    const of = counts.get(task) ?? new Map<string, number>();
    return source === undefined ? [...of.values()].reduce((sum, n) => sum + n, 0) : (of.get(source) ?? 0);
  };
  const bars = tasks.flatMap((task) =>
    shown.map((source) => ({ task: task + 1, source, share: (100 * rowsOf(task, source)) / rowsOf(task) })),
  );
  return {
    id: "mixture",
    title: "What batches were made of",
    legend: `Shares of the rows that each task drew, by source, from the ledger of the run: ${shown.join(", ")}, from below.`,
    reading: `${count(tasks.reduce((sum, task) => sum + rowsOf(task), 0))} rows in ${tasks.length === 1 ? "one task" : `${tasks.length} tasks`}.`,
    table: {
      columns: [
        { title: "task" },
        { title: "rows", align: "right" },
        ...shown.map((source) => ({ title: `${source} %`, align: "right" as const })),
      ],
      rows: tasks.map((task) => [
        taskName(task, view),
        count(rowsOf(task)),
        ...shown.map((source) => (rowsOf(task, source) === 0 ? undefined : score(rowsOf(task, source) / rowsOf(task)))),
      ]),
    },
    svg: draw("Shares of rows by source and task. The numbers are in the table.", {
      width: 640,
      height: 280,
      marginLeft: 48,
      marginBottom: 40,
      x: { type: "band", label: "task" },
      y: { domain: [0, 100] },
      marks: [
        Plot.axisX({ fill: ink("quiet"), stroke: ink("line"), label: "task" }),
        Plot.axisY({ fill: ink("quiet"), stroke: ink("line"), label: "↑ rows, %" }),
        Plot.barY(bars, {
          x: "task",
          y: "share",
          fill: ({ source }: { readonly source: string }) => colours[source] ?? ink("quiet"),
          order: "appearance",
          insetLeft: 1,
          insetRight: 1,
        }),
      ],
    }),
  };
}
