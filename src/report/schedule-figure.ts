import * as Plot from "@observablehq/plot";
import { draw, type Figure, short } from "./drawing.ts";
import { thin } from "./loss-figure.ts";
import { count, plain } from "./numbers.ts";
import { ink } from "./palette.ts";

/** Learning rates of one task, step by step. */
export interface ScheduledTask {
  readonly name?: string;
  readonly rates: readonly number[];
}

/** What a task's rates come to; steps count from 1. */
export interface RateSummary {
  readonly first: number;
  readonly highest: number;
  readonly highestAt: number;
  readonly mean: number;
  readonly last: number;
  /** Steps that learn nothing. */
  readonly zeroSteps: number;
}

export function rateSummary(rates: readonly number[]): RateSummary {
  const highest = rates.reduce((a, b) => Math.max(a, b), 0);
  return {
    first: rates[0] ?? 0,
    highest,
    highestAt: rates.indexOf(highest) + 1,
    mean: rates.reduce((a, b) => a + b, 0) / Math.max(1, rates.length),
    last: rates.at(-1) ?? 0,
    zeroSteps: rates.filter((rate) => rate === 0).length,
  };
}

/** The rates that a schedule gives over all tasks; bands in the background are tasks. */
export function scheduleFigure(schedule: string, tasks: readonly ScheduledTask[]): Figure {
  const summaries = tasks.map(({ rates }) => rateSummary(rates));
  const highest = Math.max(...summaries.map((each) => each.highest)) || 1;
  const right = { align: "right" } as const;
  return {
    id: "schedule",
    title: `Learning rate: ${schedule}`,
    legend: "The rate of each step; each band in the background is a task.",
    reading: `The rate peaks at ${plain(summaries[0]?.highest ?? 0)} in the first task and at ${plain(summaries.at(-1)?.highest ?? 0)} in the last of ${count(tasks.length)}.`,
    table: {
      columns: [
        { title: "task", ...right },
        { title: "name" },
        ...["steps", "first", "highest", "at step", "mean", "last", "zero steps"].map((title) => ({ title, ...right })),
      ],
      rows: tasks.map(({ name, rates }, task) => {
        const { first, highest: top, highestAt, mean, last, zeroSteps } = summaries[task] ?? rateSummary(rates);
        return [task + 1, name ?? "", rates.length, rate(first), rate(top), highestAt, rate(mean), rate(last), zeroSteps];
      }),
    },
    svg: drawSchedule(tasks, highest * 1.04),
  };
}

// ASCII, since tables go into pipes.
const rate = (value: number): string => (value === 0 ? "0" : value.toExponential(3));

function drawSchedule(tasks: readonly ScheduledTask[], top: number): string {
  let from = 0;
  const bands = tasks.map(({ name, rates }, task) => {
    const band = { task, name: name ?? `task ${task + 1}`, from, to: from + rates.length };
    from = band.to;
    return band;
  });
  const curve = tasks.flatMap(({ rates }) => rates).map((rate, i): readonly [number, number] => [i + 1, rate]);
  const named = bands.length <= 8;
  return draw("Line chart of the learning rate over all steps, with a band for each task. The numbers are in the table.", {
    width: 720,
    height: 260,
    marginLeft: 68,
    marginTop: 34,
    marginBottom: 40,
    x: { domain: [0, Math.max(1, curve.length)] },
    y: { domain: [0, top] },
    marks: [
      Plot.rect(
        bands.filter(({ task }) => task % 2 === 0),
        { x1: "from", x2: "to", y1: 0, y2: top, fill: ink("band") },
      ),
      Plot.gridY({ stroke: ink("line"), strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({ fill: ink("quiet"), stroke: ink("line"), ticks: 8, label: "step", labelAnchor: "center" }),
      Plot.axisY({ fill: ink("quiet"), stroke: ink("line"), ticks: 5, tickSize: 0, tickFormat: plain, label: "learning rate" }),
      Plot.text(bands, {
        x: (band: (typeof bands)[number]) => (band.from + band.to) / 2,
        y: top,
        text: ({ name, task }: (typeof bands)[number]) => (named ? short(name, 84 / bands.length) : String(task + 1)),
        dy: -8,
        fill: ink("quiet"),
        fontSize: 11,
      }),
      Plot.line(thin(curve, 720), { x: "step", y: "mean", stroke: ink("knowledge"), strokeWidth: 1.75 }),
    ],
  });
}
