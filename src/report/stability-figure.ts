import * as Plot from "@observablehq/plot";
import type { EvaluationView } from "../runs/view.ts";
import { mainEvaluations, type ReportContent, taskName } from "./content.ts";
import { airy, draw, type Figure } from "./drawing.ts";
import { points, score } from "./numbers.ts";
import { ink } from "./palette.ts";

/** What a task did to retention on its way: the stability gap (arXiv:2205.13452). */
export interface StabilityGap {
  readonly task: number;
  /** At the evaluation before the task, the lowest on the way or at its end, and at its end; shares. */
  readonly before: number;
  readonly lowest: number;
  readonly after: number;
  /** Step of the lowest, of the run. */
  readonly step: number;
}

/** The gap of each task that was evaluated on its way. */
export function stabilityGaps({ view }: Pick<ReportContent, "view">): readonly StabilityGap[] {
  const ends = mainEvaluations(view);
  const inside = view.evaluations.filter(({ state }) => state === "inside");
  return ends.flatMap((end, i): readonly StabilityGap[] => {
    const start = ends[i - 1];
    const way = inside.filter(({ task }) => task === end.task);
    const [before, after] = [start?.scores?.zs?.value, end.scores?.zs?.value];
    if (before === undefined || after === undefined || way.length === 0) return [];
    const values = [...way, end].flatMap(({ step, scores }) => (scores?.zs ? [{ step, value: scores.zs.value }] : []));
    const lowest = values.reduce((a, b) => (b.value < a.value ? b : a));
    return [{ task: end.task, before, lowest: lowest.value, after, step: lowest.step }];
  });
}

/** Retention and knowledge over the steps of a run that was evaluated inside of its tasks; undefined for another. */
export function stabilityFigure(content: Pick<ReportContent, "view">): Figure | undefined {
  const { view } = content;
  const inside = view.evaluations.filter(({ state }) => state === "inside");
  const gaps = stabilityGaps(content);
  if (inside.length === 0) return undefined;
  const rows = [...mainEvaluations(view), ...inside].sort(
    (a, b) => a.step - b.step || Number(a.state === "inside") - Number(b.state === "inside"),
  );
  const worst = gaps.reduce<StabilityGap | undefined>((a, b) => (a && a.before - a.lowest >= b.before - b.lowest ? a : b), undefined);
  return {
    id: "stability",
    title: "Inside of tasks",
    legend:
      "Zero-shot retention and knowledge over the steps; filled points are ends of tasks, open ones lie inside. Points inside are scored on a subset.",
    reading: worst
      ? `Retention fell farthest inside “${taskName(worst.task, view)}”: from ${score(worst.before)} to ${score(worst.lowest)} at step ${worst.step}, and ended at ${score(worst.after)}.`
      : "No task was evaluated both on its way and at its end.",
    table: {
      columns: [
        { title: "task" },
        { title: "ZS before, %", align: "right" },
        { title: "lowest, %", align: "right" },
        { title: "at step", align: "right" },
        { title: "at its end, %", align: "right" },
        { title: "gap", align: "right" },
      ],
      rows: gaps.map(({ task, before, lowest, after, step }) => [
        taskName(task, view),
        score(before),
        score(lowest),
        step,
        score(after),
        points(lowest - Math.min(before, after)),
      ]),
    },
    svg: drawn(rows),
  };
}

function drawn(rows: readonly EvaluationView[]): string {
  const spots = rows.flatMap(({ step, state, scores }) =>
    (["ka", "zs"] as const).flatMap((name) =>
      scores?.[name] ? [{ step, name, isInside: state === "inside", value: 100 * scores[name].value }] : [],
    ),
  );
  const colour = { ka: ink("knowledge"), zs: ink("zero-shot") } as const;
  return draw("Zero-shot retention and knowledge over the steps of the run, inside of tasks too. The numbers are in the table.", {
    width: 640,
    height: 300,
    marginLeft: 48,
    marginBottom: 40,
    y: { domain: airy(spots.map(({ value }) => value)) },
    marks: [
      Plot.frame({ stroke: ink("line") }),
      Plot.axisX({ fill: ink("quiet"), stroke: ink("line"), label: "step →" }),
      Plot.axisY({ fill: ink("quiet"), stroke: ink("line"), label: "↑ %" }),
      ...(["ka", "zs"] as const).flatMap((name) => {
        const own = spots.filter((spot) => spot.name === name);
        return [
          Plot.line(own, { x: "step", y: "value", stroke: colour[name], strokeWidth: 1.5 }),
          Plot.dot(
            own.filter(({ isInside }) => isInside),
            { x: "step", y: "value", r: 2.5, stroke: colour[name], fill: ink("paper") },
          ),
          Plot.dot(
            own.filter(({ isInside }) => !isInside),
            { x: "step", y: "value", r: 4, fill: colour[name] },
          ),
          Plot.text(own.slice(-1), { x: "step", y: "value", text: () => name.toUpperCase(), dx: 14, fill: colour[name], fontWeight: 600 }),
        ];
      }),
    ],
  });
}
