import { bootstrapResamples, meanResamples, type SetOutcomes } from "../evaluation/bootstrap.ts";
import { overResampledSeeds } from "../evaluation/seed-bootstrap.ts";
import { spreadOverSeeds } from "../evaluation/seeds.ts";
import { trialOutcomes } from "../evaluation/trial-outcomes.ts";
import { againstTradeOff } from "../report/plane.ts";
import type { ClaimPoint } from "../runs/claims.ts";
import type { TrialResult } from "../runs/trial.ts";
import { hint } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";

/** Trials of one cell at one point of their way, seed by seed in an order that is the same for all columns. */
export interface Column {
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
}

/** A statistic with its 95 % interval, and what that is over. */
export interface Measured {
  readonly value: number;
  readonly interval: readonly [number, number];
  readonly over: "items and seeds" | "seeds";
}

/**
 * The statistic over stored results. At the ends of trials by paired bootstrap: the same resampled items for every trial, the same resampled seeds for every column. At
 * other points, whose outcomes are not stored, by Student's t over the seeds' own statistics. What cannot be had is told in words.
 */
export function measureClaim(question: ClaimQuestion): Measured | string {
  return question.columns.every(({ at }) => at === "first" || at === "end") ? overItems(question) : overSeeds(question);
}

function overSeeds({ metric, columns, statistic }: ClaimQuestion): Measured | string {
  const values: number[][] = [];
  for (const { name, at, trials } of columns) {
    const found = trials.map((trial) => valueAt(trial, metric, at));
    const lacking = found.find((value) => typeof value === "string");
    if (typeof lacking === "string") return `${name}: ${lacking}`;
    values.push(found.filter((value) => typeof value === "number"));
  }
  const seeds = values[0]?.length ?? 0;
  const spread = spreadOverSeeds(Array.from({ length: seeds }, (_, seed) => statistic(values.map((column) => column[seed] ?? Number.NaN))));
  return spread?.interval ? { value: spread.value, interval: spread.interval, over: "seeds" } : `${seeds} seeds have no spread`;
}

type Scored = Pick<TrialResult["evaluations"][number], "task"> & { readonly value: number | undefined };

/** A metric at a point of a trial's way; in words why there is none. */
function valueAt({ evaluations, inside = [] }: TrialResult, metric: string, at: ClaimPoint): number | string {
  const scores = evaluations.map((row): Scored => ({ task: row.task, value: isScore(metric) ? row[metric]?.value : row.sets[metric] }));
  const within = inside.map((row): Scored => ({ task: row.task, value: isScore(metric) ? row[metric] : undefined }));
  const after = [...scores.filter(({ task }) => task >= 0), ...within].flatMap(({ value }) => value ?? []);
  const value = chosen(at, scores, after);
  return value ?? `no ${metric} ${typeof at === "number" ? `after ${at} tasks` : `at its ${at === "first" ? "start" : at}`}`;
}

function chosen(at: ClaimPoint, scores: readonly Scored[], after: readonly number[]): number | undefined {
  if (typeof at === "number") return scores.find(({ task }) => task === at - 1)?.value;
  if (at === "end") return scores.at(-1)?.value;
  if (at === "first") return scores.find(({ task }) => task < 0)?.value;
  if (after.length === 0) return undefined;
  return at === "peak" ? Math.max(...after) : Math.min(...after);
}

const isScore = (metric: string): metric is "ka" | "zs" | "gm" => metric === "ka" || metric === "zs" || metric === "gm";

function overItems({ metric, columns, oracle, statistic }: ClaimQuestion): Measured | string {
  if (metric !== "distance") {
    const found =
      metric === "gm" ? combined(columns, ([ka = Number.NaN, zs = Number.NaN]) => Math.sqrt(ka * zs)) : resampled(columns, metric);
    return typeof found === "string" ? found : told(found, statistic);
  }
  if (!oracle) return "no oracle";
  const count = columns.length;
  const all = [...columns, ...columns.map((column): Column => ({ ...column, at: "first" })), oracle];
  const [ka, zs] = [resampled(all, "ka"), resampled(all, "zs")];
  if (typeof ka === "string") return ka;
  if (typeof zs === "string") return zs;
  const point = (column: number, seed: number, r: number) => ({
    knowledge: ka[column]?.[seed]?.[r] ?? Number.NaN,
    zeroShot: zs[column]?.[seed]?.[r] ?? Number.NaN,
  });
  const distances = columns.map((_, column) =>
    (ka[column] ?? []).map((vector, seed) =>
      vector.map((__, r) => {
        const line = { start: point(count + column, seed, r), oracle: point(2 * count, seed, r) };
        return againstTradeOff(point(column, seed, r), line)?.distance ?? Number.NaN;
      }),
    ),
  );
  return told(distances, statistic);
}

type Vectors = readonly (readonly Float64Array[])[];

/** A number made of KA and ZS, resample by resample. */
function combined(columns: readonly Column[], make: (parts: readonly number[]) => number): Vectors | string {
  const [ka, zs] = [resampled(columns, "ka"), resampled(columns, "zs")];
  if (typeof ka === "string") return ka;
  if (typeof zs === "string") return zs;
  return ka.map((seeds, column) =>
    seeds.map((vector, seed) => vector.map((value, r) => make([value, zs[column]?.[seed]?.[r] ?? Number.NaN]))),
  );
}

/** Seed of the draws: the same trials give the same intervals wherever they are asked for. */
const drawsOf = createRandom(0);

function told(vectors: Vectors, statistic: ClaimQuestion["statistic"]): Measured | string {
  const found = overResampledSeeds(drawsOf, vectors, statistic);
  if (!found?.interval || !Number.isFinite(found.value)) return "the start and the oracle are one point";
  return { value: found.value, interval: found.interval, over: "items and seeds" };
}

/** KA, ZS or a set's metric of every column and seed, all on the same resampled items; seeds whose test items differ are resampled apart. */
function resampled(columns: readonly Column[], metric: string): Vectors | string {
  const seeds = columns[0]?.trials.length ?? 0;
  const bySeed: { readonly signature: string; readonly outcomes: readonly (readonly SetOutcomes[])[] }[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const read = columns.map((column) => outcomesOf(column, seed, metric));
    const lacking = read.find((each) => typeof each === "string");
    if (typeof lacking === "string") return lacking;
    const found = read.filter((each) => typeof each !== "string");
    const [first] = found;
    const other = found.findIndex(({ signature }) => signature !== first?.signature);
    if (other >= 0) return `${columns[0]?.name} and ${columns[other]?.name} were scored on other test items`;
    bySeed.push({ signature: first?.signature ?? "", outcomes: found.map(({ outcomes }) => outcomes) });
  }
  const isCommon = bySeed.every(({ signature }) => signature === bySeed[0]?.signature);
  const vectors = isCommon
    ? meanResamples(
        drawsOf,
        bySeed.flatMap(({ outcomes }) => outcomes),
        bootstrapResamples,
      )
    : bySeed.flatMap(({ outcomes }, seed) => meanResamples(createRandom(seed), outcomes, bootstrapResamples));
  return columns.map((_, column) => bySeed.flatMap((__, seed) => vectors[seed * columns.length + column] ?? []));
}

interface Read {
  /** Equal where the sets and their items are the same. */
  readonly signature: string;
  readonly outcomes: readonly SetOutcomes[];
}

function outcomesOf({ name, at, trials }: Column, seed: number, metric: string): Read | string {
  const trial = trials[seed];
  if (!trial?.outcomes) return `no stored outcomes in ${name}`;
  const { sets } = trial.outcomes;
  const isPart = metric === "ka" || metric === "zs";
  if (!isPart && !sets[metric]) return `no set is called "${metric}" (${hint(metric, Object.keys(sets))})`;
  const wanted = Object.entries(sets)
    .filter(([set, { part }]) => (isPart ? part === metric : set === metric))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const outcomes = wanted.flatMap(([set]) => trialOutcomes(trial, at === "first" ? "first" : "last", set) ?? []);
  if (wanted.length === 0) return `no set counts in ${metric.toUpperCase()} of ${name}`;
  if (outcomes.length < wanted.length) return `no stored outcomes of ${name} at its ${at === "first" ? "start" : "end"}`;
  const order = wanted.map(([set, { digest, items }]) => ({ set, digest, items }));
  return { signature: JSON.stringify(order), outcomes };
}
