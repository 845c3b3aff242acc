import type { Random } from "../util/random.ts";
import { type Interval, percentileInterval } from "./intervals.ts";

/** A quantity of several settings over the same seeds, with the middle 95 % of its resamples. */
export interface ResampledStatistic {
  readonly value: number;
  readonly interval: Interval | undefined;
  /** The statistic of each seed alone. */
  readonly bySeed: readonly number[];
}

/**
 * A statistic of the means over seeds of some settings, by resampling the seeds as well: the same drawn seeds for every setting, as `runs[setting][seed]` are numbers of the
 * same items drawn alike (entry 0 the data themselves, the others resamples). Undefined without settings or seeds. The spread over n seeds comes out √((n − 1)/n) too small:
 * of three seeds the interval covers the truth in 95 % of cases where test items alone make the noise, in 93 % where one seed differs from another by as much, in 90 % where
 * by twice as much, and in 75 % where seeds alone make it (simulated, normal noise).
 */
export function overResampledSeeds(
  random: Random,
  runs: readonly (readonly Float64Array[])[],
  statistic: (means: readonly number[]) => number,
): ResampledStatistic | undefined {
  const seeds = runs[0]?.length ?? 0;
  const size = runs[0]?.[0]?.length ?? 0;
  if (seeds === 0 || size === 0) return undefined;
  const draws = random.at("claims/seeds");
  const found = new Float64Array(size);
  for (let r = 0; r < size; r++) {
    const drawn = Array.from({ length: seeds }, (_, seed) => (r === 0 ? seed : draws.below(seeds)));
    found[r] = statistic(runs.map((setting) => drawn.reduce((sum, seed) => sum + (setting[seed]?.[r] ?? Number.NaN), 0) / seeds));
  }
  const bySeed = Array.from({ length: seeds }, (_, seed) => statistic(runs.map((setting) => setting[seed]?.[0] ?? Number.NaN)));
  return { value: found[0] as number, interval: percentileInterval(found.subarray(1)), bySeed };
}
