import * as Plot from "@observablehq/plot";
import type { RunView } from "../runs/view.ts";
import { evaluationName, mainEvaluations, type ReportContent } from "./content.ts";
import { airy, draw, type Figure } from "./drawing.ts";
import { points, score, withInterval } from "./numbers.ts";
import { ink } from "./palette.ts";

/** An evaluation in the plane, in per cent; lows and highs bound the 95 % intervals. */
interface Spot {
  readonly task: number;
  readonly zs: number;
  readonly ka: number;
  readonly gm: number;
  readonly zsLow: number;
  readonly zsHigh: number;
  readonly kaLow: number;
  readonly kaHigh: number;
}

type Range = readonly [number, number];

/** The way through the plane of zero-shot retention and knowledge; undefined without both scores. */
export function planeFigure({ view }: ReportContent): Figure | undefined {
  const rows = mainEvaluations(view);
  const spots = rows.flatMap(({ task, scores }): Spot[] => {
    const { ka, zs } = scores ?? {};
    if (!ka || !zs) return [];
    const [kaLow, kaHigh] = ka.interval ?? [ka.value, ka.value];
    const [zsLow, zsHigh] = zs.interval ?? [zs.value, zs.value];
    const [at, gm] = [{ zs: 100 * zs.value, ka: 100 * ka.value }, 100 * Math.sqrt(ka.value * zs.value)];
    return [{ task, ...at, gm, kaLow: 100 * kaLow, kaHigh: 100 * kaHigh, zsLow: 100 * zsLow, zsHigh: 100 * zsHigh }];
  });
  if (spots.length === 0) return undefined;
  const scored = rows.filter(({ scores }) => scores?.ka && scores.zs);
  return {
    id: "plane",
    title: "Knowledge against zero-shot retention",
    legend:
      "Up is more knowledge, right is more retention. The star is the model before training, the numbers are tasks, bars are 95 % intervals; along a thin line the geometric mean (GM) stays the same.",
    reading: reading(spots, view),
    table: {
      columns: [
        { title: "evaluation" },
        { title: "ZS, %", align: "right" },
        { title: "KA, %", align: "right" },
        { title: "GM, %", align: "right" },
        { title: "ZS since start", align: "right" },
        { title: "KA since start", align: "right" },
      ],
      rows: scored.map(({ task, scores }, index) => [
        evaluationName(task, view),
        withInterval(scores?.zs),
        withInterval(scores?.ka),
        spots[index]?.gm.toFixed(1),
        ...(index === 0 ? [undefined, undefined] : [since(spots, index, "zs"), since(spots, index, "ka")]),
      ]),
    },
    svg: drawPlane(spots),
  };
}

function since(spots: readonly Spot[], index: number, key: "zs" | "ka"): string {
  return points(((spots[index]?.[key] ?? 0) - (spots[0]?.[key] ?? 0)) / 100);
}

function drawPlane(spots: readonly Spot[]): string {
  const x = airy(spots.flatMap(({ zsLow, zsHigh }) => [zsLow, zsHigh]));
  const y = airy(spots.flatMap(({ kaLow, kaHigh }) => [kaLow, kaHigh]));
  const contours = gmContours(x, y);
  const [start, ...later] = spots;
  const frame = { stroke: ink("line") };
  const colour = ink("knowledge");
  return draw("Path of the run in the plane of zero-shot retention and knowledge. The numbers are in the table below.", {
    width: 640,
    height: 460,
    marginLeft: 48,
    marginBottom: 44,
    marginRight: 48,
    x: { domain: x, label: "zero-shot retention (ZS), %", labelAnchor: "center", labelArrow: "right" },
    y: { domain: y, label: "knowledge (KA), %" },
    marks: [
      Plot.frame(frame),
      Plot.axisX({ ticks: 7, fill: ink("quiet"), stroke: ink("line"), label: "zero-shot retention (ZS), % →" }),
      Plot.axisY({ ticks: 7, fill: ink("quiet"), stroke: ink("line"), label: "↑ knowledge (KA), %" }),
      ...contours.map(({ path }) => Plot.line(path, { stroke: ink("line"), strokeWidth: 1 })),
      Plot.text(
        contours.flatMap(({ level, path }) => path.slice(-1).map(([zs, ka]) => ({ zs, ka, text: `GM ${level}` }))),
        {
          x: "zs",
          y: "ka",
          text: "text",
          fill: ink("quiet"),
          fontSize: 10,
          dx: 4,
          textAnchor: "start",
          stroke: ink("paper"),
          strokeWidth: 4,
        },
      ),
      Plot.ruleX(spots, { x: "zs", y1: "kaLow", y2: "kaHigh", stroke: colour, strokeOpacity: 0.45 }),
      Plot.ruleY(spots, { y: "ka", x1: "zsLow", x2: "zsHigh", stroke: colour, strokeOpacity: 0.45 }),
      Plot.line(spots, { x: "zs", y: "ka", stroke: colour, strokeWidth: 2 }),
      Plot.dot(later, { x: "zs", y: "ka", r: 4.5, fill: colour }),
      Plot.dot(later.slice(-1), { x: "zs", y: "ka", r: 8, stroke: colour, strokeWidth: 2 }),
      Plot.dot(start ? [start] : [], { x: "zs", y: "ka", symbol: "star", r: 9, fill: ink("ink"), stroke: ink("paper") }),
      Plot.text(spotLabels(spots, x, y), {
        x: "zs",
        y: "ka",
        text: "text",
        dx: -12,
        dy: -14,
        fontWeight: 600,
        fill: ink("ink"),
        stroke: ink("paper"),
        strokeWidth: 4,
      }),
    ],
  });
}

/** The names of the spots, one text for those so near to each other that texts would cover each other. */
export function spotLabels(
  spots: readonly Pick<Spot, "task" | "zs" | "ka">[],
  x: Range,
  y: Range,
): readonly { readonly zs: number; readonly ka: number; readonly text: string }[] {
  const groups: { readonly zs: number; readonly ka: number; readonly names: string[] }[] = [];
  for (const { task, zs, ka } of spots) {
    const near = groups.find((each) => Math.abs(each.zs - zs) < 0.03 * (x[1] - x[0]) && Math.abs(each.ka - ka) < 0.03 * (y[1] - y[0]));
    const name = task < 0 ? "start" : String(task + 1);
    if (near) near.names.push(name);
    else groups.push({ zs, ka, names: [name] });
  }
  return groups.map(({ zs, ka, names }) => ({ zs, ka, text: names.join(", ") }));
}

/** Curves KA = GM²/ZS inside a frame, at round levels. */
export function gmContours(x: Range, y: Range): readonly { readonly level: number; readonly path: readonly Range[] }[] {
  const [low, high] = [Math.sqrt(x[0] * y[0]), Math.sqrt(x[1] * y[1])];
  const step = [0.5, 1, 2, 5, 10, 20].find((size) => (high - low) / size <= 8) ?? 20;
  const levels = Array.from({ length: 200 / step }, (_, i) => (i + 1) * step).filter((level) => level > low && level < high);
  return levels.map((level) => {
    const from = Math.max(x[0], level ** 2 / y[1]);
    const to = Math.min(x[1], level ** 2 / Math.max(y[0], 1e-9));
    const zs = Array.from({ length: 41 }, (_, i) => from + ((to - from) * i) / 40);
    return { level, path: zs.map((value): Range => [value, level ** 2 / value]) };
  });
}

function reading(spots: readonly Spot[], view: RunView): string {
  const [first, last] = [spots[0], spots.at(-1)];
  if (!first || !last || first === last) return "There is one evaluation: the run has not moved yet.";
  const best = spots.reduce((a, b) => (b.gm > a.gm ? b : a));
  const up = points((last.ka - first.ka) / 100);
  const right = points((last.zs - first.zs) / 100);
  const moved = `The run ends ${up} points in knowledge and ${right} in retention from its start; the geometric mean went from ${score(first.gm / 100)} to ${score(last.gm / 100)}`;
  if (best === last) return `${moved}, its best value.`;
  return `${moved}, and was best at the evaluation “${evaluationName(best.task, view)}” (${score(best.gm / 100)}).`;
}
