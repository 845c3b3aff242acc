import { studentT95 } from "../util/student.ts";
import { type Interval, standardDeviation } from "./intervals.ts";

/** One number measured under several seeds. */
export interface SeedSpread {
  readonly value: number;
  readonly seeds: number;
  /** Of the sample (n − 1); undefined for one seed. */
  readonly deviation: number | undefined;
  /** 95 %, Student's t: where the mean over all seeds lies. Undefined for one seed. */
  readonly interval: Interval | undefined;
}

/** The difference between two settings, each measured under several seeds. */
export interface SeedDifference {
  readonly value: number;
  /** Undefined where one of the two was measured once and no two seeds are common. */
  readonly interval: Interval | undefined;
  /** True where the differences of common seeds were taken. */
  readonly isPaired: boolean;
  /** Common seeds, or the smaller number of seeds. */
  readonly seeds: number;
}

/** A number by the seed that it was measured under. */
export interface SeedValue {
  readonly seed: number;
  readonly value: number;
}

/** Mean, deviation and t interval over seeds; undefined without any. */
export function spreadOverSeeds(values: readonly number[]): SeedSpread | undefined {
  const seeds = values.length;
  if (seeds === 0) return undefined;
  const value = values.reduce((sum, each) => sum + each, 0) / seeds;
  const deviation = standardDeviation(values);
  return { value, seeds, deviation, interval: around(value, deviation, seeds) };
}

/**
 * a − b. Seeds that both have are paired, which removes what a seed does to both (order, draws); two of them at least. Without such a pair Welch's interval, its
 * degrees of freedom rounded down. Undefined without values.
 */
export function differenceOverSeeds(a: readonly SeedValue[], b: readonly SeedValue[]): SeedDifference | undefined {
  const bySeed = new Map(b.map(({ seed, value }) => [seed, value]));
  const mine = new Map(a.map(({ seed, value }) => [seed, value]));
  const pairs = [...mine].flatMap(([seed, value]) => {
    const other = bySeed.get(seed);
    return other === undefined ? [] : [value - other];
  });
  const paired = pairs.length >= 2 ? spreadOverSeeds(pairs) : undefined;
  if (paired) return { value: paired.value, interval: paired.interval, isPaired: true, seeds: paired.seeds };
  const [x, y] = [a, b].map((values) => spreadOverSeeds(values.map(({ value }) => value)));
  if (!x || !y) return undefined;
  return { value: x.value - y.value, interval: welch(x, y), isPaired: false, seeds: Math.min(x.seeds, y.seeds) };
}

function around(value: number, deviation: number | undefined, seeds: number): Interval | undefined {
  if (deviation === undefined) return undefined;
  const half = (studentT95(seeds - 1) * deviation) / Math.sqrt(seeds);
  return [value - half, value + half];
}

/** Welch 1947, Biometrika 34. */
function welch(a: SeedSpread, b: SeedSpread): Interval | undefined {
  if (a.deviation === undefined || b.deviation === undefined) return undefined;
  const [u, v] = [a.deviation ** 2 / a.seeds, b.deviation ** 2 / b.seeds];
  const difference = a.value - b.value;
  if (u + v === 0) return [difference, difference];
  const degrees = Math.max(1, Math.floor((u + v) ** 2 / (u ** 2 / (a.seeds - 1) + v ** 2 / (b.seeds - 1)) + 1e-9));
  const half = studentT95(degrees) * Math.sqrt(u + v);
  return [difference - half, difference + half];
}
