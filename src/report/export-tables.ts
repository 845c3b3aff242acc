import type { Scores } from "../runs/event.ts";
import type { Measurement } from "../runs/measurement.ts";
import type { ResultRow } from "../runs/rows.ts";
import type { EvaluationView } from "../runs/view.ts";
import type { Cell, Table } from "./table.ts";

/** Comma-separated values with a header line (RFC 4180): empty where nothing was measured. */
export function csvTable({ columns, rows }: Table): string {
  const field = (cell: Cell): string => {
    const text = cell === undefined ? "" : String(cell);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns.map(({ title }) => title), ...rows.map((row) => columns.map((_, c) => row[c]))]
    .map((row) => row.map(field).join(","))
    .join("\n");
}

const marks: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "−": "$-$",
  "±": "$\\pm$",
  "–": "--",
};

/** A tabular of the LaTeX package booktabs. Cells are text: nothing in them is a command. */
export function latexTable({ columns, rows }: Table): string {
  const field = (cell: Cell): string =>
    cell === undefined ? "--" : String(cell).replace(/[\\~^−±–&%$#_{}]/g, (mark) => marks[mark] ?? `\\${mark}`);
  const line = (cells: readonly Cell[]): string => `  ${cells.map(field).join(" & ")} \\\\`;
  return [
    `\\begin{tabular}{${columns.map(({ align }) => (align === "right" ? "r" : "l")).join("")}}`,
    "  \\toprule",
    line(columns.map(({ title }) => title)),
    "  \\midrule",
    ...rows.map((row) => line(columns.map((_, c) => row[c]))),
    "  \\bottomrule",
    "\\end{tabular}",
  ].join("\n");
}

/** Every number that a run's evaluations gave, one line each, at full precision; `after_task` 0 is the start. */
export function measurementTable(results: readonly ResultRow[], evaluations: readonly EvaluationView[]): Table {
  const titles = ["after_task", "step", "state", "dataset", "role", "evaluator", "metric", "value", "low", "high", "unit", "n"];
  const measured = results.map(({ task, s, state, dataset, role, evaluator, metric, value, interval, unit, n }) => [
    ...[task + 1, s, state, dataset, role, evaluator, metric],
    ...[value, interval?.[0], interval?.[1], unit, n],
  ]);
  const means = evaluations.flatMap(({ task, step, state, scores }) =>
    meansIn(scores).map(([metric, { value, interval, unit, samples }]) => [
      ...[task + 1, step, state, undefined, undefined, undefined, metric],
      ...[value, interval?.[0], interval?.[1], unit, samples],
    ]),
  );
  return { columns: titles.map((title) => ({ title })), rows: [...measured, ...means] };
}

/** Scores over several sets by name; `tests_of_task_3` is a row's entry in the matrix of tasks by tests of tasks. */
function meansIn(scores: Scores | undefined): readonly (readonly [string, Measurement])[] {
  const { dynamic = [], static: still } = scores?.splits ?? {};
  const named: readonly (readonly [string, Measurement | null | undefined])[] = [
    ...(["ka", "zs", "gm"] as const).map((name) => [name, scores?.[name]] as const),
    ...dynamic.map((found, task) => [`tests_of_task_${task + 1}`, found] as const),
    ["tests_static", still],
  ];
  return named.flatMap(([name, found]) => (found ? [[name, found] as const] : []));
}
