import type { Column, Table } from "../report/table.ts";
import type { EvaluationView, RunView } from "../runs/view.ts";
import { formatShare } from "./output.ts";

const right = { align: "right" } as const;

/** One row a set, one column an evaluation, in per cent; KA, ZS and GM below. */
export function matrixTable({ sets, evaluations, tasks }: RunView, intervals: boolean): Table {
  const shown = evaluations.filter(({ state }) => state === "live");
  const streamed = new Set(shown.flatMap(({ scores }) => scores?.kaSets ?? []));
  const heldOut = new Set(shown.flatMap(({ scores }) => scores?.zsSets ?? []));
  const counted = (name: string): string => (streamed.has(name) ? "KA" : heldOut.has(name) ? "ZS" : "");
  const score = (name: "ka" | "zs" | "gm", row: EvaluationView): string | undefined => formatShare(row.scores?.[name], intervals);
  return {
    columns: [
      { title: "set" },
      { title: "counts in" },
      { title: "metric" },
      ...shown.map(
        ({ task }): Column => ({ title: task < 0 ? "start" : `task ${task + 1}${tasks.length > 1 ? `/${tasks.length}` : ""}`, ...right }),
      ),
    ],
    rows: [
      ...sets.map(({ name, metric }) => [
        name,
        counted(name),
        metric,
        ...shown.map(({ cells }) => formatShare(cells[name]?.headline, intervals)),
      ]),
      ...(["ka", "zs", "gm"] as const).map((name) => [name.toUpperCase(), "", meanings[name], ...shown.map((row) => score(name, row))]),
    ],
  };
}

const meanings = { ka: "mean of the KA sets", zs: "mean of the ZS sets", gm: "geometric mean" } as const;

/** The table in pieces that each fit into `width`, the first `fixed` columns repeated in each. */
export function foldTable(table: Table, fixed: number, width: number): readonly Table[] {
  const widthAt = (c: number): number =>
    Math.max(table.columns[c]?.title.length ?? 0, ...table.rows.map((row) => String(row[c] ?? "–").length)) + 2;
  const head = Array.from({ length: fixed }, (_, c) => widthAt(c)).reduce((a, b) => a + b, 0);
  const pieces: number[][] = [];
  let used = 0;
  for (let c = fixed; c < table.columns.length; c++) {
    if (pieces.length === 0 || used + widthAt(c) > width + 2) {
      pieces.push([]);
      used = head;
    }
    pieces.at(-1)?.push(c);
    used += widthAt(c);
  }
  const taken = pieces.length > 0 ? pieces : [[]];
  return taken.map((own) => {
    const kept = [...Array.from({ length: fixed }, (_, c) => c), ...own];
    return {
      columns: kept.flatMap((c) => table.columns[c] ?? []),
      rows: table.rows.map((row) => kept.map((c) => row[c])),
    };
  });
}
