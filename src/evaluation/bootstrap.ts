import type { Draws, Random } from "../util/random.ts";
import { multinomial } from "./binomial.ts";
import { type Interval, percentileInterval, standardDeviation } from "./intervals.ts";

/** Hits and trials of every item in one direction: (correct, 1) for classification, (own captions found, own captions) for an image. */
export interface ItemCounts {
  readonly hits: ArrayLike<number>;
  /** One each when absent. */
  readonly trials?: ArrayLike<number>;
}

/**
 * Outcomes of one data set. Its score is the mean over directions of hits / trials: one direction for classification; for retrieval
 * two, whose items are the images, so that an image is resampled together with its captions.
 */
export interface SetOutcomes {
  readonly set: string;
  readonly items: number;
  readonly directions: readonly ItemCounts[];
}

/** What the resamples of a quantity say. */
export interface Spread {
  /** Of the data itself, not a mean of resamples. */
  readonly value: number;
  readonly standardError: number | undefined;
  /** The middle 95 % of the resamples. */
  readonly interval: Interval | undefined;
}

/** Outcomes by what they are aggregated into. */
export interface GroupedOutcomes {
  readonly streamed: readonly SetOutcomes[];
  readonly heldOut: readonly SetOutcomes[];
}

const bootstrapResamples = 1000;

/**
 * KA, ZS and GM by stratified bootstrap: items are resampled inside each set, as counts of items that came out alike, which is the same distribution. A group without sets has no spread.
 */
export function bootstrapTriple(
  random: Random,
  groups: GroupedOutcomes,
  resamples = bootstrapResamples,
): Readonly<Record<"knowledge" | "zeroShot" | "geometricMean", Spread | undefined>> {
  const knowledge = meanResamples(random, [groups.streamed], resamples)[0];
  const zeroShot = meanResamples(random, [groups.heldOut], resamples)[0];
  const both = knowledge && zeroShot ? knowledge.map((ka, r) => Math.sqrt(ka * (zeroShot[r] as number))) : undefined;
  return { knowledge: spread(knowledge), zeroShot: spread(zeroShot), geometricMean: spread(both) };
}

/**
 * The difference `a` − `b` of the mean over sets, by paired bootstrap: both runs see the same resampled items.
 * Undefined without sets.
 * @throws {RangeError} when the two do not hold the same sets with the same items.
 */
export function pairedBootstrap(
  random: Random,
  runs: { readonly a: readonly SetOutcomes[]; readonly b: readonly SetOutcomes[] },
  resamples = bootstrapResamples,
): Spread | undefined {
  const signature = (sets: readonly SetOutcomes[]): string => sets.map(({ set, items }) => `${set} (${items})`).join(", ");
  if (signature(runs.a) !== signature(runs.b))
    throw new RangeError(`paired bootstrap: the runs hold different items: ${signature(runs.a)} against ${signature(runs.b)}`);
  const [a, b] = meanResamples(random, [runs.a, runs.b], resamples);
  return a && b ? spread(a.map((value, r) => value - (b[r] as number))) : undefined;
}

/** The score of a set's items as they are. */
export function setScore({ items, directions }: SetOutcomes): number {
  return scoreOf(directions, new Uint8Array(items).fill(1));
}

/**
 * Scores of many runs over one set, all on the same resampled items: entry 0 of each run is the value of the data itself, the others are resamples. Items are drawn one by
 * one, once for all runs: a run's numbers do not depend on which others are given, and the cost per run is small where kinds of outcomes over all of them would be as many as items.
 */
export function itemResamples(draws: Draws, runs: readonly SetOutcomes[], resamples = bootstrapResamples): readonly Float64Array[] {
  const items = runs[0]?.items ?? 0;
  if (runs.some((run) => run.items !== items)) throw new RangeError("internal: runs over other items have no resample in common");
  const scores = runs.map(() => new Float64Array(resamples + 1));
  const scorers = runs.map(({ directions }) => scorerOf(directions));
  const drawn = new Uint32Array(items).fill(1);
  for (let r = 0; r <= resamples; r++) {
    if (r > 0) {
      drawn.fill(0);
      for (let i = 0; i < items; i++) {
        const item = draws.below(items);
        drawn[item] = (drawn[item] as number) + 1;
      }
    }
    for (const [run, own] of scores.entries()) own[r] = scorers[run]?.(drawn) ?? Number.NaN;
  }
  return scores;
}

/** `scoreOf` for as many items drawn as there are. Where every item has one trial only its hits are looked at, which are fewer. */
function scorerOf(directions: readonly ItemCounts[]): (drawn: Uint32Array) => number {
  const [only, second] = directions;
  if (!only || second || only.trials) return (drawn) => scoreOf(directions, drawn);
  const right = Uint32Array.from(Array.from(only.hits).flatMap((hit, item) => (hit ? [item] : [])));
  return (drawn) => {
    let found = 0;
    for (let i = 0; i < right.length; i++) found += drawn[right[i] as number] as number;
    return found / drawn.length;
  };
}

/** Entry 0 is the value of the data itself, the others are resamples; one array a run, none without sets. A set without items has no score and is left out. */
function meanResamples(random: Random, given: readonly (readonly SetOutcomes[])[], resamples: number): Float64Array[] {
  const runs = given.map((sets) => sets.filter(({ items }) => items > 0));
  const sets = runs[0] ?? [];
  if (sets.length === 0) return [];
  const means = runs.map(() => new Float64Array(resamples + 1));
  for (const [index, { set, items }] of sets.entries()) {
    const draws = random.at(`bootstrap/${set}`);
    const { counts, directions } = kindsOf(
      runs.flatMap((own) => own[index] ?? []),
      items,
    );
    const draw = multinomial(counts);
    for (let r = 0; r <= resamples; r++) {
      const drawn = r === 0 ? counts : draw(draws);
      for (const [run, mean] of means.entries()) mean[r] = (mean[r] as number) + scoreOf(directions[run] ?? [], drawn) / sets.length;
    }
  }
  return means;
}

/** Items by kind: a resample is known by how many it holds of each. */
interface Kinds {
  /** Items of each kind, in the order in which kinds first occur. */
  readonly counts: readonly number[];
  /** By run and direction: hits and trials of an item of each kind. */
  readonly directions: readonly (readonly { readonly hits: readonly number[]; readonly trials: readonly number[] }[])[];
}

/** Two items are of one kind where they have the same hits and trials in every direction of every run. */
function kindsOf(runs: readonly SetOutcomes[], items: number): Kinds {
  const kinds = new Map<string, number>();
  const counts: number[] = [];
  const directions = runs.map((run) => run.directions.map(() => ({ hits: [] as number[], trials: [] as number[] })));
  const columns = runs.flatMap((run, r) =>
    run.directions.map(({ hits, trials }, d) => ({ hits, trials, into: directions[r]?.[d] ?? { hits: [], trials: [] } })),
  );
  for (let item = 0; item < items; item++) {
    let key = "";
    for (const { hits, trials } of columns) key += `${hits[item]}/${trials ? trials[item] : 1} `;
    const known = kinds.get(key);
    if (known !== undefined) {
      counts[known] = (counts[known] as number) + 1;
      continue;
    }
    kinds.set(key, counts.length);
    counts.push(1);
    for (const { hits, trials, into } of columns) {
      into.hits.push(hits[item] as number);
      into.trials.push(trials ? (trials[item] as number) : 1);
    }
  }
  return { counts, directions };
}

/** Mean over directions of hits / trials of what was drawn: of each kind, or of each item, how many. */
function scoreOf(directions: readonly ItemCounts[], drawn: ArrayLike<number>): number {
  let score = 0;
  for (const { hits, trials } of directions) {
    let found = 0;
    let asked = 0;
    for (let kind = 0; kind < drawn.length; kind++) {
      const count = drawn[kind] as number;
      found += count * (hits[kind] as number);
      asked += trials ? count * (trials[kind] as number) : count;
    }
    score += found / asked / directions.length;
  }
  return score;
}

function spread(values: Float64Array | undefined): Spread | undefined {
  if (!values) return undefined;
  const resamples = values.subarray(1);
  return { value: values[0] as number, standardError: standardDeviation(resamples), interval: percentileInterval(resamples) };
}
