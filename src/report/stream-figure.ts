import * as Plot from "@observablehq/plot";
import { draw, type Figure, short } from "./drawing.ts";
import { count } from "./numbers.ts";
import { ink } from "./palette.ts";

/** A concept as figures of a stream take it. */
export interface DrawnConcept {
  readonly dataset: string;
  /** Training samples; unknown in a published file. */
  readonly samples?: number;
  readonly year?: number;
}

/** A task of a stream to be drawn. */
export interface DrawnTask {
  readonly name?: string;
  readonly concepts: readonly DrawnConcept[];
}

/** Figures of a stream: how large its tasks are, where their concepts come from, and of which years where some are dated. */
export function streamFigures(tasks: readonly DrawnTask[]): readonly Figure[] {
  const isDated = tasks.some(({ concepts }) => concepts.some(({ year }) => year !== undefined));
  return [sizeFigure(tasks), setsFigure(tasks), ...(isDated ? [yearsFigure(tasks)] : [])];
}

const right = { align: "right" } as const;
const samplesOf = (concepts: readonly DrawnConcept[]): number | undefined =>
  concepts.every(({ samples }) => samples !== undefined) ? concepts.reduce((sum, { samples }) => sum + (samples ?? 0), 0) : undefined;
const width = 720;

function sizeFigure(tasks: readonly DrawnTask[]): Figure {
  const sizes = tasks.map(({ concepts }) => concepts.length);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const samples = tasks.map(({ concepts }) => samplesOf(concepts));
  const known = samples.flatMap((each) => each ?? []);
  const many = (few: number, lots: number): string => (few === lots ? count(few) : `${count(few)} to ${count(lots)}`);
  const told = known.length === tasks.length ? ` and ${many(Math.min(...known), Math.max(...known))} training samples` : "";
  return {
    id: "sizes",
    title: "How large the tasks are",
    legend: "A bar a task, as high as the number of its concepts.",
    reading: `${count(tasks.length)} ${tasks.length === 1 ? "task" : "tasks"} of ${many(least, most)} concepts${told} each.`,
    table: {
      columns: [{ title: "task", ...right }, { title: "name" }, { title: "concepts", ...right }, { title: "samples", ...right }],
      rows: tasks.map(({ name, concepts }, i) => [i + 1, name ?? "", concepts.length, samples[i]]),
    },
    svg: drawSizes(tasks, most),
  };
}

function drawSizes(tasks: readonly DrawnTask[], most: number): string {
  const bars = tasks.map(({ name, concepts }, i) => ({ task: i + 1, name: name ?? "", concepts: concepts.length }));
  const named = bars.length <= 12 && bars.some(({ name }) => name !== "");
  return draw("Bar chart of the concepts of each task. The numbers are in the table.", {
    width,
    height: 240,
    marginLeft: 56,
    marginTop: 24,
    marginBottom: named ? 56 : 40,
    x: { type: "band", domain: bars.map(({ task }) => task), padding: bars.length > 60 ? 0.05 : 0.2 },
    y: { domain: [0, most * 1.04] },
    marks: [
      Plot.gridY({ stroke: ink("line"), strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({
        fill: ink("quiet"),
        stroke: ink("line"),
        tickSize: 0,
        ticks: shownTasks(bars.length),
        label: "task",
        labelAnchor: "center",
      }),
      Plot.axisY({ fill: ink("quiet"), stroke: ink("line"), ticks: 5, tickSize: 0, label: "concepts" }),
      Plot.barY(bars, { x: "task", y: "concepts", fill: ink("knowledge") }),
      ...(named
        ? [
            Plot.text(bars, {
              x: "task",
              y: 0,
              text: ({ name }: (typeof bars)[number]) => short(name, 100 / bars.length),
              dy: 30,
              fill: ink("quiet"),
              fontSize: 11,
            }),
          ]
        : []),
    ],
  });
}

/** Numbers of tasks under an axis: all of few, round ones of many. */
function shownTasks(tasks: number): number[] {
  const every = tasks <= 25 ? 1 : tasks <= 60 ? 5 : 20;
  return Array.from({ length: tasks }, (_, i) => i + 1).filter((task) => task % every === 0 || (every > 1 && task === 1));
}

function setsFigure(tasks: readonly DrawnTask[]): Figure {
  const grid = gridOf(tasks, ({ dataset }) => dataset);
  const perTask = tasks.map(({ concepts }) => new Set(concepts.map(({ dataset }) => dataset)).size);
  const [least, most] = [Math.min(...perTask), Math.max(...perTask)];
  const touched = least === most ? `${least}` : `${least} to ${most}`;
  return {
    id: "sets",
    title: "Where the concepts come from",
    legend: "A row a data set, a column a task; the fuller the colour, the more concepts of the set are in the task.",
    reading: `${count(grid.length)} data ${grid.length === 1 ? "set" : "sets"}; a task touches ${touched} of them.`,
    table: gridTable("data set", grid),
    svg: drawGrid("Heat map of how many concepts each data set gives to each task. Totals are in the table.", grid, tasks.length),
  };
}

function yearsFigure(tasks: readonly DrawnTask[]): Figure {
  const undated = "undated";
  const grid = gridOf(tasks, ({ year }) => (year === undefined ? undated : String(year)));
  // Years rise, and what has none stands under them.
  const rank = ({ name }: GridRow): number => (name === undated ? Number.POSITIVE_INFINITY : Number(name));
  const sorted = [...grid].sort((a, b) => rank(a) - rank(b));
  const years = sorted.filter(({ name }) => name !== undated);
  const without = sorted.find(({ name }) => name === undated);
  const all = sorted.reduce((sum, { concepts }) => sum + concepts, 0);
  const span = years.length === 1 ? `all of ${years[0]?.name ?? ""}` : `from ${years[0]?.name ?? ""} to ${years.at(-1)?.name ?? ""}`;
  return {
    id: "years",
    title: "Of which years they are",
    legend: "A row a year, a column a task; the fuller the colour, the more concepts of the year are in the task.",
    reading: `Dated concepts are ${span}${without ? `; ${count(without.concepts)} of ${count(all)} have no year` : ""}.`,
    table: gridTable("year", sorted),
    svg: drawGrid("Heat map of how many concepts of each year are in each task. Totals are in the table.", sorted, tasks.length),
  };
}

/** What tasks have of one data set or one year. */
interface GridRow {
  readonly name: string;
  readonly concepts: number;
  readonly samples: number | undefined;
  /** Concepts by task, from 0; tasks without any are absent. */
  readonly byTask: ReadonlyMap<number, number>;
}

/** Rows by their first task. */
function gridOf(tasks: readonly DrawnTask[], keyOf: (concept: DrawnConcept) => string): readonly GridRow[] {
  const rows = new Map<string, { readonly members: DrawnConcept[]; readonly byTask: Map<number, number> }>();
  tasks.forEach(({ concepts }, task) => {
    for (const concept of concepts) {
      const key = keyOf(concept);
      const row = rows.get(key) ?? { members: [], byTask: new Map<number, number>() };
      rows.set(key, row);
      row.members.push(concept);
      row.byTask.set(task, (row.byTask.get(task) ?? 0) + 1);
    }
  });
  return [...rows].map(([name, { members, byTask }]) => ({ name, concepts: members.length, samples: samplesOf(members), byTask }));
}

function gridTable(title: string, grid: readonly GridRow[]): Figure["table"] {
  return {
    columns: [{ title }, ...["concepts", "samples", "tasks", "first task", "last task"].map((name) => ({ title: name, ...right }))],
    rows: grid.map(({ name, concepts, samples, byTask }) => {
      const tasks = [...byTask.keys()];
      return [name, concepts, samples, tasks.length, Math.min(...tasks) + 1, Math.max(...tasks) + 1];
    }),
  };
}

const rowHeight = 18;

function drawGrid(label: string, grid: readonly GridRow[], tasks: number): string {
  const names = grid.map(({ name }) => name);
  const shown = new Map(names.map((name) => [name, short(name, 30)]));
  const cells = grid.flatMap(({ name, byTask }) => [...byTask].map(([task, concepts]) => ({ name, task: task + 1, concepts })));
  const most = Math.max(...cells.map(({ concepts }) => concepts));
  const margin = 24 + 6.8 * Math.max(...[...shown.values()].map((text) => text.length));
  return draw(label, {
    width: margin + 16 + Math.min(Math.max(tasks * 26, 160), 1000),
    height: 52 + rowHeight * grid.length,
    marginLeft: margin,
    marginRight: 16,
    marginTop: 8,
    marginBottom: 44,
    x: { type: "band", domain: Array.from({ length: tasks }, (_, i) => i + 1), padding: 0 },
    y: { type: "band", domain: names, padding: 0 },
    marks: [
      Plot.axisX({ fill: ink("quiet"), stroke: ink("line"), tickSize: 0, ticks: shownTasks(tasks), label: "task", labelAnchor: "center" }),
      Plot.axisY({ fill: ink("quiet"), tickSize: 0, label: null, tickFormat: (name: string) => shown.get(name) ?? name }),
      Plot.cell(cells, {
        x: "task",
        y: "name",
        fill: ink("knowledge"),
        // The root lets a single concept be seen beside hundreds.
        fillOpacity: ({ concepts }: (typeof cells)[number]) => 0.15 + 0.85 * Math.sqrt(concepts / most),
        inset: 0.5,
      }),
    ],
  });
}
