import * as Plot from "@observablehq/plot";
import type { CurvePoint, RunView } from "../runs/view.ts";
import { type ReportContent, taskName } from "./content.ts";
import { draw, type Figure, short } from "./drawing.ts";
import { plain } from "./numbers.ts";
import { ink } from "./palette.ts";
import type { Table } from "./table.ts";

/** Steps of a task: those after `from`, up to `to`. */
interface Band {
  readonly task: number;
  readonly from: number;
  readonly to: number;
}

/** Training loss over the steps, tasks as bands; undefined before the first step. */
export function lossFigure({ view }: ReportContent): Figure | undefined {
  const curve = view.curves.loss ?? [];
  if (curve.length === 0) return undefined;
  const parts = taskParts(curve, view);
  return {
    id: "loss",
    title: "Training loss",
    legend:
      "The thin band spans the lowest and highest loss of neighbouring steps, the line is their mean; each band in the background is a task.",
    reading: lossReading(parts, view),
    table: taskTable(parts, view, ["at first", "at the end", "lowest"], (values) => [
      plain(meanOf(values.slice(0, edge(values)))),
      plain(meanOf(values.slice(-edge(values)))),
      plain(values.reduce((a, b) => Math.min(a, b))),
    ]),
    svg: drawCurve("Line chart of the training loss over all steps, with a band for each task.", curve, {
      view,
      label: "loss",
      spread: true,
    }),
  };
}

/** Learning rate over the steps; undefined before the first step. */
export function rateFigure({ view }: ReportContent): Figure | undefined {
  const curve = view.curves.lr ?? [];
  if (curve.length === 0) return undefined;
  const parts = taskParts(curve, view);
  const top = curve.reduce((a, b) => (b[1] > a[1] ? b : a));
  const last = curve.at(-1) ?? top;
  const flat = curve.every(([, value]) => value === top[1]);
  return {
    id: "learning-rate",
    title: "Learning rate",
    legend: "The rate each step was made with; each band in the background is a task.",
    reading: flat
      ? `The rate was ${plain(top[1])} at every step.`
      : `The rate peaked at ${plain(top[1])} (first at step ${top[0]}) and ended at ${plain(last[1])}.`,
    table: taskTable(parts, view, ["first step", "highest", "last step"], (values) => [
      plain(values[0] ?? 0),
      plain(values.reduce((a, b) => Math.max(a, b))),
      plain(values.at(-1) ?? 0),
    ]),
    svg: drawCurve("Line chart of the learning rate over all steps.", curve, { view, label: "learning rate", spread: false }),
  };
}

/** A bucket of neighbouring steps. */
interface Bucket {
  readonly step: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** At most `most` buckets of neighbouring points, so that a run of a million steps makes no larger picture. */
export function thin(curve: readonly CurvePoint[], most: number): readonly Bucket[] {
  const size = Math.ceil(curve.length / most);
  return Array.from({ length: Math.ceil(curve.length / size) }, (_, i) => {
    const part = curve.slice(i * size, (i + 1) * size);
    const values = part.map(([, value]) => value);
    return { step: meanOf(part.map(([step]) => step)), mean: meanOf(values), low: Math.min(...values), high: Math.max(...values) };
  });
}

function drawCurve(
  label: string,
  curve: readonly CurvePoint[],
  { view, label: axis, spread }: { readonly view: RunView; readonly label: string; readonly spread: boolean },
): string {
  const bands = bandsOf(view).filter(({ from }) => from < (curve.at(-1)?.[0] ?? 0));
  const buckets = spread ? thin(curve, 120) : thin(curve, 360);
  const lowest = Math.min(0, ...buckets.map(({ low }) => low));
  const highest = Math.max(...buckets.map(({ high }) => high)) || 1;
  const domain = [lowest, highest * 1.04];
  const names = bands.length <= 8;
  return draw(`${label} The numbers are in the table below.`, {
    width: 720,
    height: 260,
    marginLeft: 60,
    marginTop: 34,
    marginBottom: 40,
    x: { domain: [0, curve.at(-1)?.[0] ?? 1], label: "step", labelAnchor: "center" },
    y: { domain, label: axis },
    marks: [
      Plot.rect(
        bands.filter(({ task }) => task % 2 === 0),
        { x1: "from", x2: "to", y1: domain[0] ?? 0, y2: domain[1] ?? 1, fill: ink("band") },
      ),
      Plot.gridY({ stroke: ink("line"), strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({ fill: ink("quiet"), stroke: ink("line"), ticks: 8, label: "step" }),
      Plot.axisY({ fill: ink("quiet"), stroke: ink("line"), ticks: 5, tickSize: 0, tickFormat: plain, label: axis }),
      Plot.text(bands, {
        x: ({ from, to }: Band) => (from + to) / 2,
        y: domain[1] ?? 1,
        text: ({ task }: Band) => (names ? short(taskName(task, view), 84 / bands.length) : String(task + 1)),
        dy: -8,
        fill: ink("quiet"),
        fontSize: 11,
      }),
      ...(spread ? [Plot.areaY(buckets, { x: "step", y1: "low", y2: "high", fill: ink("knowledge"), fillOpacity: 0.22 })] : []),
      Plot.line(buckets, { x: "step", y: "mean", stroke: ink("knowledge"), strokeWidth: 1.75 }),
    ],
  });
}

function bandsOf(view: RunView): readonly Band[] {
  let from = 0;
  return view.tasks.map(({ steps }, task) => {
    const band = { task, from, to: from + steps };
    from = band.to;
    return band;
  });
}

/** Values of each task that has any. */
function taskParts(curve: readonly CurvePoint[], view: RunView): readonly (Band & { readonly values: readonly number[] })[] {
  return bandsOf(view)
    .map((band) => ({ ...band, values: curve.filter(([step]) => step > band.from && step <= band.to).map(([, value]) => value) }))
    .filter(({ values }) => values.length > 0);
}

function taskTable(
  parts: ReturnType<typeof taskParts>,
  view: RunView,
  titles: readonly string[],
  cells: (values: readonly number[]) => readonly string[],
): Table {
  return {
    columns: [{ title: "task" }, { title: "steps", align: "right" }, ...titles.map((title) => ({ title, align: "right" }) as const)],
    rows: parts.map(({ task, values }) => [taskName(task, view), values.length, ...cells(values)]),
  };
}

function lossReading(parts: ReturnType<typeof taskParts>, view: RunView): string {
  const falls = parts.map(({ task, values }) => ({
    task,
    from: meanOf(values.slice(0, edge(values))),
    to: meanOf(values.slice(-edge(values))),
  }));
  const fell = falls.filter(({ from, to }) => to < from);
  const last = falls.at(-1);
  const first = falls[0];
  if (!first || !last) return "No loss was recorded.";
  if (falls.length === 1)
    return `From the first tenth of the steps to the last, the mean loss went from ${plain(first.from)} to ${plain(first.to)}.`;
  const most = falls.reduce((a, b) => (b.from - b.to > a.from - a.to ? b : a));
  return `From the first tenth to the last tenth of its steps, the mean loss fell in ${fell.length} of ${falls.length} tasks, most in ${taskName(most.task, view)} (${plain(most.from)} → ${plain(most.to)}).`;
}

/** A tenth of the values, at least one. */
const edge = (values: readonly number[]): number => Math.max(1, Math.floor(values.length / 10));

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
