import type { Scores } from "../runs/event.ts";
import { points, score, withInterval } from "./numbers.ts";
import type { Table } from "./table.ts";

/** A share of the old weights, and what the merge with it scored. */
export interface SweptWeight {
  readonly weight: number;
  readonly scores: Pick<Scores, "ka" | "zs" | "gm">;
}

/** What counts: the highest score among the weights whose ZS stays above a floor, in points against the start or as a share. */
export interface SweepGoal {
  readonly by: "ka" | "gm";
  readonly floor: { readonly points: number } | { readonly share: number };
}

/** Which weight to keep. */
export interface SweepAdvice {
  /** Undefined where none stays above the floor, or none was scored. */
  readonly weight: number | undefined;
  /** Lowest ZS allowed; undefined where nothing is held out to tell by. */
  readonly leastZs: number | undefined;
  readonly sentence: string;
}

// A floor of the start itself must hold the start, whatever the rounding of a sum.
const slack = 1e-9;

/**
 * The weight with the best score above the floor; of equal ones the one with more of the old weights. `start` are the old weights' scores, which a floor in points counts
 * from.
 */
export function sweepAdvice(swept: readonly SweptWeight[], start: SweptWeight["scores"], { by, floor }: SweepGoal): SweepAdvice {
  const leastZs = "share" in floor ? floor.share : start.zs && start.zs.value + floor.points / 100;
  const isHeldOut = swept.some(({ scores }) => scores.zs !== undefined);
  const least = isHeldOut ? leastZs : undefined;
  const allowed = swept.filter(({ scores }) => least === undefined || (scores.zs?.value ?? 0) >= least - slack);
  const best = allowed
    .filter(({ scores }) => scores[by] !== undefined)
    .sort((a, b) => (b.scores[by]?.value ?? 0) - (a.scores[by]?.value ?? 0) || b.weight - a.weight)[0];
  const name = by.toUpperCase();
  const held = least === undefined ? undefined : floorText(floor, least, start);
  if (!best)
    return {
      weight: undefined,
      leastZs: least,
      sentence: allowed.length > 0 ? `No weight has a ${name}: no set counts in it.` : `No weight holds ZS ${held}; ${nearestTo(swept)}.`,
    };
  const among = held === undefined ? "; nothing is held out, so retention is not known" : ` of the ${allowed.length} that hold ZS ${held}`;
  const zs = best.scores.zs ? ` and ZS ${withInterval(best.scores.zs)} %` : "";
  return {
    weight: best.weight,
    leastZs: least,
    sentence: `Keep ${share(best.weight)} of the old weights: ${name} ${withInterval(best.scores[by])} %${zs}, the best ${name}${among}.`,
  };
}

function floorText(floor: SweepGoal["floor"], least: number, { zs }: SweptWeight["scores"]): string {
  if ("share" in floor || !zs) return `at or above ${score(least)} %`;
  return floor.points === 0
    ? `at the start's ${score(zs.value)} % or above`
    : `within ${points(Math.abs(floor.points) / 100).slice(1)} points of the start's ${score(zs.value)} %`;
}

function nearestTo(swept: readonly SweptWeight[]): string {
  const best = swept.reduce((a, b) => ((b.scores.zs?.value ?? 0) > (a.scores.zs?.value ?? 0) ? b : a));
  return `the nearest is ${share(best.weight)} of the old weights with ${withInterval(best.scores.zs)} %`;
}

/** `0.35`, without the noise of a sum. */
const share = (weight: number): string => String(Number(weight.toPrecision(6)));

/** One line a weight, with 95 % intervals, in per cent. */
export function sweepWeightsTable(swept: readonly SweptWeight[], { weight, leastZs }: SweepAdvice): Table {
  return {
    columns: [
      { title: "old share", align: "right" },
      { title: "KA, %", align: "right" },
      { title: "ZS, %", align: "right" },
      { title: "GM, %", align: "right" },
      { title: "" },
    ],
    rows: swept.map(({ weight: own, scores: { ka, zs, gm } }) => [
      share(own),
      withInterval(ka),
      withInterval(zs),
      withInterval(gm),
      own === weight ? "keep" : leastZs !== undefined && (zs?.value ?? 0) < leastZs - slack ? "below the floor" : "",
    ]),
  };
}
