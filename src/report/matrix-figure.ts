import * as Plot from "@observablehq/plot";
import type { EvaluationView, RunView, SetView } from "../runs/view.ts";
import { evaluationName, mainEvaluations, type ReportContent } from "./content.ts";
import { draw, type Figure, short } from "./drawing.ts";
import { points, score } from "./numbers.ts";
import { ink, legible } from "./palette.ts";

/** Where a set stands: it is learned in this run, could be but is not, or is only ever scored. */
type SetGroup = "streamed" | "not streamed" | "held out";

export interface GroupedSet extends SetView {
  readonly group: SetGroup;
}

const order: readonly SetGroup[] = ["streamed", "not streamed", "held out"];

/** The sets of a run by group, in the order they were scored. */
export function groupedSets({ view, plan }: Pick<ReportContent, "view" | "plan">): readonly GroupedSet[] {
  const streamed = new Set(plan.sources.filter(({ uses }) => uses.includes("update")).map(({ name }) => name));
  const group = ({ name, role }: SetView): SetGroup => (streamed.has(name) ? "streamed" : role === "adapt" ? "not streamed" : "held out");
  const grouped = view.sets.map((set) => ({ ...set, group: group(set) }));
  return order.flatMap((wanted) => grouped.filter((set) => set.group === wanted));
}

/** Scores of every set at every evaluation, as a heat map; undefined when nothing was scored. */
export function matrixFigure(content: ReportContent): Figure | undefined {
  const rows = mainEvaluations(content.view).filter(({ cells }) => Object.keys(cells).length > 0);
  const sets = groupedSets(content);
  if (rows.length === 0 || sets.length === 0) return undefined;
  return {
    id: "matrix",
    title: "Every set after every task",
    legend:
      "A row a data set, a column an evaluation, the score in per cent; darker is lower. A frame marks the tasks that train on the set. Sets that the run does not stream count for neither score.",
    reading: reading(rows, sets),
    table: {
      columns: [
        { title: "set" },
        { title: "group" },
        { title: "metric" },
        ...rows.map(({ task }) => ({ title: evaluationName(task, content.view), align: "right" }) as const),
      ],
      rows: sets.map(({ name, group, metric }) => [name, group, metric, ...rows.map((row) => cellScore(row, name))]),
    },
    svg: drawMatrix(rows, sets, content),
  };
}

const cellScore = (row: EvaluationView, set: string): string | undefined => {
  const value = row.cells[set]?.headline.value;
  return value === undefined ? undefined : score(value);
};

interface MatrixRow {
  /** Unique among rows. */
  readonly key: string;
  readonly label: string;
}

function drawMatrix(rows: readonly EvaluationView[], sets: readonly GroupedSet[], { view, plan }: ReportContent): string {
  const lines = linesOf(sets);
  const heads = lines.filter(({ set }) => set === undefined);
  const bodies = lines.flatMap(({ key, set }) => (set ? [{ key, set }] : []));
  const tasks = rows.map(({ task }) => task);
  const cells = bodies.flatMap(({ key, set }) =>
    rows.flatMap(({ task, cells: row }) => {
      const value = row[set.name]?.headline.value;
      return value === undefined ? [] : [{ key, task, value, text: score(value) }];
    }),
  );
  const colours = Plot.scale({ color: { type: "linear", scheme: "cividis", domain: [0, 1] } });
  const fill = (value: number): string => String(colours.apply(value));
  const learned = bodies.flatMap(({ key, set }) =>
    tasks.filter((task) => plan.tasks[task]?.concepts.some((concept) => concept.startsWith(`${set.name}/`))).map((task) => ({ key, task })),
  );
  const labels = new Map(bodies.map(({ key, set }) => [key, short(set.name, 30)]));
  const margin = 24 + 6.8 * Math.max(...bodies.map(({ set }) => short(set.name, 30).length));
  const at = { x: "task", y: "key" } as const;
  return draw("Heat map of the score of every data set at every evaluation. The numbers are in the table below.", {
    width: margin + 16 + Math.max(tasks.length * 76, 240),
    height: 56 + lines.length * 25,
    marginLeft: margin,
    marginRight: 16,
    marginTop: 46,
    marginBottom: 8,
    x: { domain: tasks, type: "band", padding: 0.04, label: null },
    y: { domain: lines.map(({ key }) => key), type: "band", padding: 0.06, label: null },
    marks: [
      Plot.axisX({ anchor: "top", tickSize: 0, fill: ink("ink"), label: null, tickFormat: (task: number) => columnName(task, view) }),
      Plot.axisY({ tickSize: 0, fill: ink("ink"), label: null, tickFormat: (key: string) => labels.get(key) ?? "" }),
      Plot.cell(cells, { ...at, fill: ({ value }: { value: number }) => fill(value), rx: 2 }),
      Plot.text(cells, { ...at, text: "text", fill: ({ value }: { value: number }) => legible(fill(value)), fontVariant: "tabular-nums" }),
      Plot.cell(learned, { ...at, fill: "none", stroke: ink("ink"), strokeWidth: 2.5, rx: 2, inset: -1 }),
      Plot.text(heads, {
        y: "key",
        frameAnchor: "left",
        text: "label",
        textAnchor: "start",
        dx: 12 - margin,
        dy: 4,
        fontWeight: 700,
        fill: ink("quiet"),
      }),
    ],
  });
}

/** Sets with a line above each group that names it. */
function linesOf(sets: readonly GroupedSet[]): readonly (MatrixRow & { readonly set?: GroupedSet })[] {
  return order.flatMap((group) => {
    const own = sets.filter((set) => set.group === group);
    const body = own.map((set) => ({ key: `set ${set.name}`, label: short(set.name, 30), set }));
    return own.length === 0 ? [] : [{ key: `group ${group}`, label: group }, ...body];
  });
}

function columnName(task: number, view: RunView): string {
  if (task < 0) return "start";
  const name = view.tasks[task]?.name;
  return name === undefined ? String(task + 1) : `${task + 1}\n${short(name, 11)}`;
}

function reading(rows: readonly EvaluationView[], sets: readonly GroupedSet[]): string {
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last || first === last) return `${sets.length} sets were scored once.`;
  const parts = order.flatMap((group) => {
    const moved = sets
      .filter((set) => set.group === group)
      .flatMap(({ name }) => {
        const [before, after] = [first.cells[name]?.headline.value, last.cells[name]?.headline.value];
        return before === undefined || after === undefined ? [] : [{ name, change: after - before }];
      });
    return moved.length === 0 ? [] : [groupReading(group, moved)];
  });
  return `From the first to the last evaluation: ${parts.join("; ")}.`;
}

function groupReading(group: SetGroup, moved: readonly { readonly name: string; readonly change: number }[]): string {
  const rose = moved.filter(({ change }) => change > 0).length;
  const fell = moved.filter(({ change }) => change < 0).length;
  const largest = moved.reduce((a, b) => (Math.abs(b.change) > Math.abs(a.change) ? b : a));
  const sets = moved.length === 1 ? "set" : "sets";
  return `of ${moved.length} ${group} ${sets} ${rose} rose and ${fell} fell, ${largest.name} the most (${points(largest.change)})`;
}
