import * as Plot from "@observablehq/plot";
import { airy, draw, type Figure } from "./drawing.ts";
import { type SweepAdvice, type SweptWeight, sweepWeightsTable } from "./merge-sweep.ts";
import { ink, type Role } from "./palette.ts";

const series = [
  { key: "ka", role: "knowledge", name: "KA" },
  { key: "zs", role: "zero-shot", name: "ZS" },
  { key: "gm", role: "mean", name: "GM" },
] as const satisfies readonly { key: "ka" | "zs" | "gm"; role: Role; name: string }[];

/** Scores over the share of the old weights; undefined where nothing was scored. */
export function mergeSweepFigure(swept: readonly SweptWeight[], advice: SweepAdvice): Figure | undefined {
  const spots = series.flatMap(({ key, role, name }) =>
    swept.flatMap(({ weight, scores }) => {
      const found = scores[key];
      if (!found) return [];
      const { value, interval } = found;
      return [{ weight, name, role, value: 100 * value, low: 100 * (interval?.[0] ?? value), high: 100 * (interval?.[1] ?? value) }];
    }),
  );
  if (spots.length === 0) return undefined;
  return {
    id: "merge-sweep",
    title: "Old and new weights",
    legend:
      "Scores of the merge by the share of the old weights in it: 0 is what was learned last, 1 what it began with. Bars are 95 % intervals of the test items; the dashed line is the floor of ZS, the upright one the weight to keep.",
    reading: advice.sentence,
    table: sweepWeightsTable(swept, advice),
    svg: drawn(spots, advice),
  };
}

interface Spot {
  readonly weight: number;
  readonly name: string;
  readonly role: Role;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

function drawn(spots: readonly Spot[], { weight, leastZs }: SweepAdvice): string {
  const least = leastZs === undefined ? [] : [100 * leastZs];
  const kept = weight === undefined ? [] : [weight];
  return draw("Knowledge, zero-shot retention and their mean over the share of the old weights. The numbers are in the table.", {
    width: 640,
    height: 340,
    marginLeft: 48,
    marginRight: 44,
    marginBottom: 44,
    y: { domain: airy([...spots.flatMap(({ low, high }) => [low, high]), ...least]), nice: true },
    marks: [
      Plot.gridY({ stroke: ink("line"), strokeOpacity: 1 }),
      Plot.axisX({ fill: ink("quiet"), stroke: ink("line"), label: "share of the old weights →" }),
      Plot.axisY({ ticks: 6, fill: ink("quiet"), stroke: ink("line"), tickSize: 0, label: "↑ %" }),
      Plot.ruleY(least, { stroke: ink("zero-shot"), strokeDasharray: "5,4" }),
      Plot.ruleX(kept, { stroke: ink("quiet"), strokeWidth: 1.5 }),
      ...series.flatMap(({ name, role }, index) => {
        const own = spots.filter((spot) => spot.name === name);
        const dx = 3 * (index - 1);
        return [
          Plot.ruleX(own, { x: "weight", y1: "low", y2: "high", stroke: ink(role), strokeOpacity: 0.5, dx }),
          Plot.line(own, { x: "weight", y: "value", stroke: ink(role), strokeWidth: 2, dx }),
          Plot.dot(own, { x: "weight", y: "value", r: 3, fill: ink(role), dx }),
          Plot.text(own.slice(-1), {
            x: "weight",
            y: "value",
            text: () => name,
            dx: 10,
            textAnchor: "start",
            fill: ink(role),
            fontWeight: 600,
          }),
        ];
      }),
    ],
  });
}
