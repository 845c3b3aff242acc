import * as Plot from "@observablehq/plot";
import { airy, draw, type Figure, short } from "./drawing.ts";
import { ink } from "./palette.ts";
import { gmContours } from "./plane-figure.ts";
import { cellName, type SweepCell, sweepTable } from "./sweep-summary.ts";

interface Spot {
  readonly name: string;
  readonly zs: number;
  readonly ka: number;
  readonly zsLow: number;
  readonly zsHigh: number;
  readonly kaLow: number;
  readonly kaHigh: number;
}

/** Where each cell of a sweep ends in the plane of retention and knowledge, bars the 95 % intervals over seeds; undefined before the first result. */
export function sweepFigure(
  about: { readonly name: string; readonly axes: readonly string[] },
  cells: readonly SweepCell[],
): Figure | undefined {
  const spots = cells.flatMap((cell) => spotOf(cellName(cell), cell.scores));
  const start = cells.flatMap((cell) => spotOf("start", cell.start)).slice(0, 1);
  if (spots.length === 0) return undefined;
  const missing = cells.filter(({ found, trials }) => found < trials.length);
  return {
    id: "sweep",
    title: about.name,
    legend:
      "Up is more knowledge, right is more retention. Bars are 95 % intervals of the mean over seeds; along a thin line the geometric mean stays the same. A star, where it lies within, is the model before training.",
    reading: [
      ...start.map(({ zs, ka }) => `Before training: KA ${ka.toFixed(1)} %, ZS ${zs.toFixed(1)} %.`),
      missing.length === 0 ? "Every trial is there." : `Missing: ${missing.map(cellName).join("; ")}.`,
    ].join(" "),
    table: sweepTable(about.axes, cells),
    svg: drawSpots(about.name, spots, start),
  };
}

function spotOf(name: string, { ka, zs }: SweepCell["scores"]): readonly Spot[] {
  if (!ka || !zs) return [];
  const [kaLow, kaHigh] = ka.interval ?? [ka.mean, ka.mean];
  const [zsLow, zsHigh] = zs.interval ?? [zs.mean, zs.mean];
  return [
    { name, zs: 100 * zs.mean, ka: 100 * ka.mean, zsLow: 100 * zsLow, zsHigh: 100 * zsHigh, kaLow: 100 * kaLow, kaHigh: 100 * kaHigh },
  ];
}

function drawSpots(title: string, spots: readonly Spot[], start: readonly Spot[]): string {
  const x = airy(spots.flatMap(({ zsLow, zsHigh }) => [zsLow, zsHigh]));
  const y = airy(spots.flatMap(({ kaLow, kaHigh }) => [kaLow, kaHigh]));
  const shown = start.filter(({ zs, ka }) => zs >= x[0] && zs <= x[1] && ka >= y[0] && ka <= y[1]);
  const colour = ink("knowledge");
  const keys = spots.map(({ name }, i) => ({ zs: x[1], ka: y[1], text: `${i + 1}  ${short(name, 30)}`, line: i }));
  return draw(`${title}: the cells in the plane of zero-shot retention and knowledge. The numbers are in the table.`, {
    width: 820,
    height: Math.max(460, 120 + 18 * spots.length),
    marginLeft: 48,
    marginBottom: 44,
    marginRight: 220,
    x: { domain: x },
    y: { domain: y },
    marks: [
      Plot.frame({ stroke: ink("line") }),
      Plot.axisX({ ticks: 7, fill: ink("quiet"), stroke: ink("line"), label: "zero-shot retention (ZS), % →" }),
      Plot.axisY({ ticks: 7, fill: ink("quiet"), stroke: ink("line"), label: "↑ knowledge (KA), %" }),
      ...gmContours(x, y).map(({ path }) => Plot.line(path, { stroke: ink("line"), strokeWidth: 1 })),
      Plot.ruleX(spots, { x: "zs", y1: "kaLow", y2: "kaHigh", stroke: colour, strokeOpacity: 0.3 }),
      Plot.ruleY(spots, { y: "ka", x1: "zsLow", x2: "zsHigh", stroke: colour, strokeOpacity: 0.3 }),
      Plot.dot(shown, { x: "zs", y: "ka", symbol: "star", r: 9, fill: ink("ink"), stroke: ink("paper") }),
      Plot.dot(spots, { x: "zs", y: "ka", r: 9, fill: colour, stroke: ink("paper") }),
      Plot.text(spots, {
        x: "zs",
        y: "ka",
        text: (_: Spot, i: number) => String(i + 1),
        fill: ink("paper"),
        fontSize: 10,
        fontWeight: 600,
      }),
      ...keys.map((key) =>
        Plot.text([key], {
          x: "zs",
          y: "ka",
          text: "text",
          dx: 16,
          dy: 8 + 18 * key.line,
          textAnchor: "start",
          fontSize: 12,
          fill: ink("ink"),
        }),
      ),
    ],
  });
}
