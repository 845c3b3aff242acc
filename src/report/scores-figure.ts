import * as Plot from "@observablehq/plot";
import type { Measurement } from "../runs/measurement.ts";
import type { EvaluationView, RunView } from "../runs/view.ts";
import { evaluationName, mainEvaluations, type PairedChange, type ReportContent } from "./content.ts";
import { airy, draw, type Figure, short } from "./drawing.ts";
import { overlap, points, score, withInterval } from "./numbers.ts";
import { ink, type Role } from "./palette.ts";

const series = [
  { key: "ka", role: "knowledge", name: "knowledge (KA)", symbol: "circle" },
  { key: "zs", role: "zero-shot", name: "zero-shot (ZS)", symbol: "square" },
] as const satisfies readonly { key: "ka" | "zs"; role: Role; name: string; symbol: Plot.SymbolType }[];

/** Knowledge and zero-shot retention over the tasks; undefined when nothing was scored. */
export function scoresFigure({ view }: ReportContent): Figure | undefined {
  const rows = mainEvaluations(view).filter(({ scores }) => scores?.ka ?? scores?.zs);
  if (rows.length === 0) return undefined;
  return {
    id: "scores",
    title: "Knowledge and zero-shot retention",
    legend:
      "Knowledge (KA) is the mean score over the sets of the stream, those still to come among them; zero-shot retention (ZS) the mean over sets that are never trained on. Bars are 95 % intervals of the test items.",
    reading: stepsReading(rows, view),
    table: {
      columns: [
        { title: "evaluation" },
        { title: "KA, %", align: "right" },
        { title: "ZS, %", align: "right" },
        { title: "geometric mean, %", align: "right" },
        { title: "KA of what was trained already, %", align: "right" },
        { title: "KA of what is still to come, %", align: "right" },
      ],
      rows: rows.map(({ task, scores }) => [
        evaluationName(task, view),
        withInterval(scores?.ka),
        withInterval(scores?.zs),
        withInterval(scores?.gm),
        withInterval(scores?.kaSeen),
        withInterval(scores?.kaFuture),
      ]),
    },
    svg: drawScores(rows, view),
  };
}

function drawScores(rows: readonly EvaluationView[], view: RunView): string {
  const places = series.flatMap(({ key, role, symbol, name }, index) =>
    rows.flatMap(({ task, scores }) => {
      const found = scores?.[key];
      return found ? [{ task, ...spread(found), colour: ink(role), symbol, name, dx: index === 0 ? -2.5 : 2.5 }] : [];
    }),
  );
  const last = series.flatMap(({ name }) => places.filter((place) => place.name === name).slice(-1));
  const apart = last.length === 2 && Math.abs((last[0]?.value ?? 0) - (last[1]?.value ?? 0)) < 4;
  const tasks = rows.map(({ task }) => task);
  const domain = [Math.min(...tasks) - 0.3, Math.max(...tasks) + 0.3];
  const named = tasks.length <= 9;
  return draw("Line chart of knowledge and zero-shot retention after each task. The numbers are in the table below.", {
    width: 720,
    height: 320,
    marginRight: 128,
    marginLeft: 48,
    marginBottom: 52,
    x: { domain, label: null },
    y: { domain: airy(places.flatMap(({ low, high }) => [low, high])), label: "score, %", nice: true },
    marks: [
      Plot.gridY({ stroke: ink("line"), strokeOpacity: 1 }),
      Plot.axisX(tasks, { tickFormat: (task: number) => tick(task, view, named), label: null, fill: ink("quiet"), stroke: ink("line") }),
      Plot.axisY({ ticks: 6, fill: ink("quiet"), stroke: ink("line"), tickSize: 0 }),
      ...series.map(({ name, role }, index) => {
        const own = places.filter((place) => place.name === name);
        return [
          Plot.ruleX(own, { x: "task", y1: "low", y2: "high", stroke: ink(role), strokeWidth: 1.5, dx: index === 0 ? -2.5 : 2.5 }),
          Plot.line(own, { x: "task", y: "value", stroke: ink(role), strokeWidth: 2, dx: index === 0 ? -2.5 : 2.5 }),
          Plot.dot(own, { x: "task", y: "value", symbol: own[0]?.symbol ?? "circle", r: 4, fill: ink(role), dx: index === 0 ? -2.5 : 2.5 }),
        ];
      }),
      ...last.map((place, index) => {
        const down = apart ? (place.value >= (last[1 - index]?.value ?? 0) ? -1 : 1) * 9 : 0;
        const text = `${place.name}\n${place.value.toFixed(1)}`;
        return Plot.text([place], {
          x: "task",
          y: "value",
          text: () => text,
          dx: 12,
          dy: down,
          textAnchor: "start",
          fill: place.colour,
          fontWeight: 600,
        });
      }),
    ],
  });
}

function spread({ value, interval }: Measurement): { readonly value: number; readonly low: number; readonly high: number } {
  return { value: 100 * value, low: 100 * (interval?.[0] ?? value), high: 100 * (interval?.[1] ?? value) };
}

function tick(task: number, view: RunView, named: boolean): string {
  if (task < 0) return "start";
  const name = view.tasks[task]?.name;
  return named && name !== undefined ? `${task + 1}\n${short(name, 12)}` : String(task + 1);
}

/** What happened to both scores from the first to the last evaluation, and how sure that is. */
export function scoresReading(rows: readonly EvaluationView[], changes: ReportContent["changes"]): string {
  const [first, last] = [rows[0]?.scores, rows.at(-1)?.scores];
  if (rows.length < 2) {
    const parts = [first?.ka && `Knowledge is ${score(first.ka.value)} %`, first?.zs && `zero-shot retention ${score(first.zs.value)} %`];
    return `${parts.filter(Boolean).join(", ")}; there is one evaluation, so nothing can be said of change.`;
  }
  const ka = movement(first?.ka, last?.ka);
  const zs = movement(first?.zs, last?.zs);
  const told = [ka && `Knowledge ${ka}`, zs && `${ka ? "zero-shot retention" : "Zero-shot retention"} ${zs}`].filter(Boolean);
  const sure = [
    evidence({ what: "knowledge", better: "gain", worse: "loss" }, [first?.ka, last?.ka], changes?.ka),
    evidence({ what: "retention", better: "gain", worse: "loss" }, [first?.zs, last?.zs], changes?.zs),
  ].filter((text) => text !== undefined);
  return `${told.join(" while ")}. ${sure.join(" ")}`.trim();
}

function movement(first: Measurement | undefined, last: Measurement | undefined): string | undefined {
  if (!first || !last) return undefined;
  const size = points(last.value - first.value);
  if (size === "0.0") return `stayed at ${score(last.value)} %`;
  return `${size.startsWith("+") ? "rose" : "fell"} by ${size.slice(1)} points (${score(first.value)} → ${score(last.value)} %)`;
}

interface Wording {
  readonly what: string;
  readonly better: string;
  readonly worse: string;
}

// The paired interval is the right one, since both evaluations see the same items; two intervals side by side can only hint.
function evidence(
  { what, better, worse }: Wording,
  [first, last]: readonly [Measurement | undefined, Measurement | undefined],
  paired: PairedChange | undefined,
): string | undefined {
  if (!first || !last) return undefined;
  if (paired?.interval) {
    const [low, high] = paired.interval;
    const range = `${points(low)} to ${points(high)} points, paired over the same items`;
    if (low > 0) return `The ${better} in ${what} is clear (95 %: ${range}).`;
    if (high < 0) return `The ${worse} in ${what} is clear (95 %: ${range}).`;
    return `No evidence that ${what} changed (95 %: ${range}).`;
  }
  const shared = overlap(first.interval, last.interval);
  if (shared === undefined) return undefined;
  if (shared) return `In ${what} the last interval overlaps the first: no evidence of a ${last.value < first.value ? worse : better}.`;
  return `In ${what} the last interval lies ${last.value > first.value ? "above" : "below"} the first.`;
}

/** Which task moved the scores the most. */
function stepsReading(rows: readonly EvaluationView[], view: RunView): string {
  const told = (
    [
      ["ka", "Knowledge"],
      ["zs", "Zero-shot retention"],
    ] as const
  ).flatMap(([key, name]) => {
    const moves = rows.slice(1).flatMap((row, index) => {
      const [before, after] = [rows[index]?.scores?.[key], row.scores?.[key]];
      return before && after ? [{ task: row.task, size: after.value - before.value }] : [];
    });
    if (moves.length === 0) return [];
    const [low, high] = [moves.reduce((a, b) => (b.size < a.size ? b : a)), moves.reduce((a, b) => (b.size > a.size ? b : a))];
    if (low.size >= 0) return [`${name} fell after no task and gained the most ${evaluationName(high.task, view)} (${points(high.size)}).`];
    if (high.size <= 0) return [`${name} rose after no task and lost the most ${evaluationName(low.task, view)} (${points(low.size)}).`];
    return [
      `${name} gained the most ${evaluationName(high.task, view)} (${points(high.size)}) and lost the most ${evaluationName(low.task, view)} (${points(low.size)}).`,
    ];
  });
  return told.length > 0 ? told.join(" ") : scoresReading(rows, undefined);
}
