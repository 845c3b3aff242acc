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
      "Up is more knowledge, right is more retention. Bars are 95 % intervals of the mean over seeds; along a thin line the geometric mean stays the same. A number stands beside its point where others are near; behind an arrow are ZS and KA of a cell far off the picture. A star, where it lies within, is the model before training.",
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

/** Spots so far below the others that these could not be told apart beside them: more than three times the middle half's width under it. */
function isFar(spots: readonly Spot[]): (spot: Spot) => boolean {
  const least = (of: (spot: Spot) => number): number => {
    const sorted = spots.map(of).sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
    return at(0.25) - 3 * Math.max(5, at(0.75) - at(0.25));
  };
  const [zs, ka] = [least((spot) => spot.zs), least((spot) => spot.ka)];
  return (spot) => spot.zs < zs || spot.ka < ka;
}

const size = { width: 820, left: 48, right: 220, top: 20, bottom: 44 } as const;
/** Pixels between the centres of two labels. */
const apart = 16;

/** Where each spot's number stands: at the spot, or beside it where others are near. In the axes' units. */
function labelled<S extends Spot>(
  spots: readonly S[],
  { x, y, height }: { readonly x: readonly number[]; readonly y: readonly number[]; readonly height: number },
) {
  const perX = (size.width - size.left - size.right) / ((x[1] ?? 1) - (x[0] ?? 0));
  const perY = (height - size.top - size.bottom) / ((y[1] ?? 1) - (y[0] ?? 0));
  const places = spots.map((spot, i) => ({ spot, i, at: [spot.zs * perX, spot.ka * perY + i / 64] as [number, number] }));
  for (let round = 0; round < 200; round++)
    for (const [i, a] of places.entries())
      for (const b of places.slice(i + 1)) {
        const [dx, dy] = [b.at[0] - a.at[0], b.at[1] - a.at[1]];
        const distance = Math.hypot(dx, dy);
        const push = (apart - distance) / 2;
        if (push <= 0 || distance === 0) continue;
        a.at = [a.at[0] - (push * dx) / distance, a.at[1] - (push * dy) / distance];
        b.at = [b.at[0] + (push * dx) / distance, b.at[1] + (push * dy) / distance];
      }
  return places.map(({ spot, at }) => ({ ...spot, labelZs: at[0] / perX, labelKa: at[1] / perY }));
}

function drawSpots(title: string, all: readonly Spot[], start: readonly Spot[]): string {
  const far = isFar(all);
  const numbered = all.map((spot, i) => ({ ...spot, number: i + 1 }));
  const near = numbered.filter((spot) => !far(spot));
  const x = airy(near.flatMap(({ zsLow, zsHigh }) => [zsLow, zsHigh]));
  const y = airy(near.flatMap(({ kaLow, kaHigh }) => [kaLow, kaHigh]));
  const height = Math.max(460, 120 + 18 * all.length);
  const spots = labelled(near, { x, y, height });
  const shown = start.filter(({ zs, ka }) => zs >= x[0] && zs <= x[1] && ka >= y[0] && ka <= y[1]);
  const colour = ink("knowledge");
  const keyOf = (spot: Spot): string =>
    far(spot) ? `${short(spot.name, 22)} ↙ ${spot.zs.toFixed(0)}, ${spot.ka.toFixed(0)}` : short(spot.name, 30);
  const keys = all.map((spot, i) => ({ zs: x[1], ka: y[1], text: `${i + 1}  ${keyOf(spot)}`, line: i }));
  return draw(`${title}: the cells in the plane of zero-shot retention and knowledge. The numbers are in the table.`, {
    width: size.width,
    height,
    marginTop: size.top,
    marginLeft: size.left,
    marginBottom: size.bottom,
    marginRight: size.right,
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
      Plot.link(spots, { x1: "zs", y1: "ka", x2: "labelZs", y2: "labelKa", stroke: colour }),
      Plot.dot(spots, { x: "zs", y: "ka", r: 2.5, fill: colour }),
      Plot.dot(spots, { x: "labelZs", y: "labelKa", r: 7.5, fill: colour, stroke: ink("paper") }),
      Plot.text(spots, {
        x: "labelZs",
        y: "labelKa",
        text: (spot: { readonly number: number }) => String(spot.number),
        fill: ink("paper"),
        fontSize: 9,
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
