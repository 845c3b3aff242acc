/** Lower and upper end. */
export type Interval = readonly [number, number];

/** Two-sided 95 % of the standard normal. */
export const z95 = 1.959963984540054;

/** Wilson's 95 % interval of a share; undefined without trials. Source: Wilson 1927, JASA 22(158). */
export function wilson(hits: number, trials: number): Interval | undefined {
  if (!(trials > 0)) return undefined;
  const p = hits / trials;
  const z2 = (z95 * z95) / trials;
  const middle = p + z2 / 2;
  const half = z95 * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials));
  return [Math.max(0, (middle - half) / (1 + z2)), Math.min(1, (middle + half) / (1 + z2))];
}

/** √(Σ p(1 − p)/n)/D: the standard error of a mean of D independent shares; undefined without sets. */
export function standardErrorOfMean(sets: readonly { readonly share: number; readonly samples: number }[]): number | undefined {
  if (sets.length === 0) return undefined;
  return Math.sqrt(sets.reduce((sum, { share, samples }) => sum + (share * (1 - share)) / samples, 0)) / sets.length;
}

/** The middle 95 % of a sample, by linear interpolation between order statistics; undefined when it is empty. */
export function percentileInterval(values: ArrayLike<number>): Interval | undefined {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return undefined;
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}

function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}

/** Standard deviation of a sample (n − 1); undefined below two values. */
export function standardDeviation(values: ArrayLike<number>): number | undefined {
  const n = values.length;
  if (n < 2) return undefined;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (values[i] as number) / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += ((values[i] as number) - mean) ** 2;
  return Math.sqrt(squares / (n - 1));
}
