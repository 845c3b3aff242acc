import * as Plot from "@observablehq/plot";
import { airy, draw, type Figure } from "./drawing.ts";
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
      "Up is more knowledge, right is more retention. The star is the model before training; bars are 95 % intervals of the mean over seeds; along a thin line the geometric mean stays the same.",
    reading: missing.length === 0 ? "Every trial is there." : `Missing: ${missing.map(cellName).join("; ")}.`,
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
  const all = [...spots, ...start];
  const x = airy(all.flatMap(({ zs, zsLow, zsHigh }) => (spots.length > 0 ? [zs, zsLow, zsHigh] : [zs])));
  const y = airy(all.flatMap(({ ka, kaLow, kaHigh }) => [ka, kaLow, kaHigh]));
  const colour = ink("knowledge");
  const halo = { stroke: ink("paper"), strokeWidth: 4 };
  return draw(`${title}: the cells in the plane of zero-shot retention and knowledge. The numbers are in the table.`, {
    width: 760,
    height: 560,
    marginLeft: 48,
    marginBottom: 44,
    marginRight: 120,
    x: { domain: x },
    y: { domain: y },
    marks: [
      Plot.frame({ stroke: ink("line") }),
      Plot.axisX({ ticks: 7, fill: ink("quiet"), stroke: ink("line"), label: "zero-shot retention (ZS), % →" }),
      Plot.axisY({ ticks: 7, fill: ink("quiet"), stroke: ink("line"), label: "↑ knowledge (KA), %" }),
      ...gmContours(x, y).map(({ path }) => Plot.line(path, { stroke: ink("line"), strokeWidth: 1 })),
      Plot.ruleX(spots, { x: "zs", y1: "kaLow", y2: "kaHigh", stroke: colour, strokeOpacity: 0.45 }),
      Plot.ruleY(spots, { y: "ka", x1: "zsLow", x2: "zsHigh", stroke: colour, strokeOpacity: 0.45 }),
      Plot.dot(spots, { x: "zs", y: "ka", r: 4.5, fill: colour }),
      Plot.dot(start, { x: "zs", y: "ka", symbol: "star", r: 9, fill: ink("ink"), stroke: ink("paper") }),
      Plot.text(labelsOf(spots, x, y), {
        x: "zs",
        y: "ka",
        text: "text",
        dx: 9,
        textAnchor: "start",
        fontSize: 11,
        fill: ink("ink"),
        ...halo,
      }),
    ],
  });
}

/** A label beside each spot, the names of those that would cover each other in one text. */
function labelsOf(
  spots: readonly Spot[],
  x: readonly [number, number],
  y: readonly [number, number],
): readonly { zs: number; ka: number; text: string }[] {
  const groups: { zs: number; ka: number; names: string[] }[] = [];
  for (const { zs, ka, name } of spots) {
    const near = groups.find((each) => Math.abs(each.zs - zs) < 0.06 * (x[1] - x[0]) && Math.abs(each.ka - ka) < 0.022 * (y[1] - y[0]));
    if (near) near.names.push(name);
    else groups.push({ zs, ka, names: [name] });
  }
  return groups.map(({ zs, ka, names }) => ({ zs, ka, text: names.join(" · ") }));
}
