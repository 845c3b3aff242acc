import { overResampledSeeds } from "../evaluation/seed-bootstrap.ts";
import { spreadOverSeeds } from "../evaluation/seeds.ts";
import { againstTradeOff, type PlanePoint } from "../report/plane.ts";
import type { ClaimPoint } from "../runs/claims.ts";
import type { TrialResult } from "../runs/trial.ts";
import { type StoredScores, scoreDraws } from "./stored-scores.ts";

/** Trials of one cell at one point of their way, seed by seed in an order that is the same for all columns. */
interface Column {
  readonly name: string;
  readonly at: ClaimPoint;
  readonly trials: readonly TrialResult[];
}

export interface ClaimQuestion {
  readonly metric: string;
  readonly columns: readonly Column[];
  /** The end that `distance` draws its line to. */
  readonly oracle?: Column;
  /** Of the columns' means over seeds. */
  readonly statistic: (means: readonly number[]) => number;
  readonly scores: StoredScores;
}

/** A statistic with its 95 % interval, and what that is over. */
export interface Measured {
  readonly value: number;
  readonly interval: readonly [number, number];
  readonly over: "items and seeds" | "seeds";
  /** The statistic of each seed alone. */
  readonly bySeed: readonly number[];
  /** Where the points were scored on more and on fewer test items: what these differ in adds to the difference. */
  readonly unequalItems?: true;
}

/**
 * The statistic over stored results. At the ends of trials by paired bootstrap: the same resampled items for every trial, the same resampled seeds for every column. At
 * other points, whose outcomes are not stored, by Student's t over the seeds' own statistics. What cannot be had is told in words.
 */
export function measureClaim(question: ClaimQuestion): Measured | string {
  return question.columns.every(({ at }) => at === "first" || at === "end") ? overItems(question) : overSeeds(question);
}

function overSeeds({ metric, columns, statistic }: ClaimQuestion): Measured | string {
  const values: (readonly Scored[])[] = [];
  for (const { name, at, trials } of columns) {
    const found = trials.map((trial) => pointOf(trial, metric, at));
    const lacking = found.find((each) => typeof each === "string");
    if (typeof lacking === "string") return `${name}: ${lacking}`;
    values.push(found.filter((each) => typeof each !== "string"));
  }
  const seeds = values[0]?.length ?? 0;
  const bySeed = Array.from({ length: seeds }, (_, seed) => statistic(values.map((column) => column[seed]?.value ?? Number.NaN)));
  const spread = spreadOverSeeds(bySeed);
  if (!spread?.interval) return `${seeds} seeds have no spread`;
  const isUnequal = new Set(values.flatMap((column) => column.map(({ items }) => items))).size > 1;
  return { value: spread.value, interval: spread.interval, over: "seeds", bySeed, ...(isUnequal ? { unequalItems: true } : {}) };
}

interface Scored {
  readonly task: number;
  readonly value: number;
  readonly items: number | undefined;
}

/** A metric at a point of a trial's way; in words why there is none. */
function pointOf({ evaluations, inside = [] }: TrialResult, metric: string, at: ClaimPoint): Scored | string {
  const scored = (task: number, items: number | undefined, value: number | undefined): readonly Scored[] =>
    value === undefined ? [] : [{ task, items, value }];
  const scores = evaluations.flatMap(({ task, items, sets, ka, zs, gm }) =>
    scored(
      task,
      items,
      scoreOf(metric, { ka: ka?.value, zs: zs?.value, gm: gm?.value }) ?? (Object.hasOwn(sets, metric) ? sets[metric] : undefined),
    ),
  );
  const after = [...scores.filter(({ task }) => task >= 0), ...inside.flatMap((row) => scored(row.task, row.items, scoreOf(metric, row)))];
  return (
    chosen(at, scores, after) ?? `no ${metric} ${typeof at === "number" ? `after ${at} tasks` : `at its ${at === "first" ? "start" : at}`}`
  );
}

function chosen(at: ClaimPoint, scores: readonly Scored[], after: readonly Scored[]): Scored | undefined {
  if (typeof at === "number") return scores.find(({ task }) => task === at - 1);
  if (at === "end") return scores.at(-1);
  if (at === "first") return scores.find(({ task }) => task < 0);
  const ordered = [...after].sort((a, b) => a.value - b.value);
  return at === "peak" ? ordered.at(-1) : ordered[0];
}

function scoreOf(metric: string, scores: Readonly<Partial<Record<"ka" | "zs" | "gm", number | undefined>>>): number | undefined {
  if (metric === "ka" || metric === "zs" || metric === "gm") return scores[metric];
  return metric === "ka+zs" && scores.ka !== undefined && scores.zs !== undefined ? scores.ka + scores.zs : undefined;
}

/** What is made of a point of the plane. */
const made: ReadonlyMap<string, (point: PlanePoint) => number> = new Map([
  ["gm", ({ knowledge, zeroShot }) => Math.sqrt(knowledge * zeroShot)],
  ["ka+zs", ({ knowledge, zeroShot }) => knowledge + zeroShot],
]);

function overItems({ metric, columns, oracle, statistic, scores }: ClaimQuestion): Measured | string {
  const make = made.get(metric);
  if (!make && !oracle) {
    const found = resampled(columns, metric, scores);
    return typeof found === "string" ? found : told(found, statistic);
  }
  const all = [...columns, ...(oracle ? [...columns.map((column): Column => ({ ...column, at: "first" })), oracle] : [])];
  const [ka, zs] = [resampled(all, "ka", scores), resampled(all, "zs", scores)];
  if (typeof ka === "string") return ka;
  if (typeof zs === "string") return zs;
  const point = (column: number, seed: number, r: number): PlanePoint => ({
    knowledge: ka[column]?.[seed]?.[r] ?? Number.NaN,
    zeroShot: zs[column]?.[seed]?.[r] ?? Number.NaN,
  });
  const count = columns.length;
  const value = (column: number, seed: number, r: number): number => {
    if (make) return make(point(column, seed, r));
    const line = { start: point(count + column, seed, r), oracle: point(2 * count, seed, r) };
    return againstTradeOff(point(column, seed, r), line)?.distance ?? Number.NaN;
  };
  const vectors = columns.map((_, column) => (ka[column] ?? []).map((vector, seed) => vector.map((__, r) => value(column, seed, r))));
  return told(vectors, statistic);
}

/** By column and seed: entry 0 the value itself, the others resamples. */
type Vectors = readonly (readonly Float64Array[])[];

function told(vectors: Vectors, statistic: ClaimQuestion["statistic"]): Measured | string {
  const found = overResampledSeeds(scoreDraws, vectors, statistic);
  if (!found?.interval || !Number.isFinite(found.value)) return "the start and the oracle are one point";
  return { ...found, interval: found.interval, over: "items and seeds" };
}

/** KA, ZS or a set's metric of every column and seed; in words where two columns of a seed were not scored on the same test items. */
function resampled(columns: readonly Column[], metric: string, scores: StoredScores): Vectors | string {
  const found: (readonly Float64Array[])[] = [];
  for (const { name, at, trials } of columns) {
    const read = trials.map((trial) => scores.of(trial, at === "first" ? "first" : "last", metric));
    const lacking = read.find((each) => typeof each === "string");
    if (typeof lacking === "string") return `${name}: ${lacking}`;
    const other = trials.findIndex((trial, seed) => scores.itemsOf(trial, metric) !== scores.itemsOf(columns[0]?.trials[seed], metric));
    if (other >= 0) return `${columns[0]?.name} and ${name} were scored on other test items`;
    found.push(read.filter((each) => typeof each !== "string"));
  }
  return found;
}
