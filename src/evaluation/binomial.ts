import type { Draws } from "../util/random.ts";

/** A binomial distribution where it is not vanishing: entry i is the share of counts up to `from` + i. */
export interface BinomialTable {
  readonly from: number;
  readonly cumulative: Float64Array;
}

/** Counts further from the mode than this many standard deviations, and a few, are left out: far rarer than a draw of 48 bits can hit. */
const reach = 9;

/** Counts of successes in `trials` of chance `chance` in [0, 1], by the ratio of neighbouring counts from the mode outwards: no logarithm, so the same bits everywhere. */
export function binomialTable(trials: number, chance: number): BinomialTable {
  if (trials === 0 || chance <= 0) return { from: 0, cumulative: Float64Array.of(1) };
  if (chance >= 1) return { from: trials, cumulative: Float64Array.of(1) };
  const odds = chance / (1 - chance);
  const mode = Math.min(trials, Math.floor((trials + 1) * chance));
  const width = Math.ceil(reach * Math.sqrt(trials * chance * (1 - chance))) + 30;
  const from = Math.max(0, mode - width);
  const shares = new Float64Array(Math.min(trials, mode + width) - from + 1);
  shares[mode - from] = 1;
  for (let k = mode; k > from; k--) shares[k - 1 - from] = ((shares[k - from] as number) * k) / ((trials - k + 1) * odds);
  for (let k = mode + 1; k - from < shares.length; k++) shares[k - from] = ((shares[k - 1 - from] as number) * (trials - k + 1) * odds) / k;
  let sum = 0;
  for (let i = 0; i < shares.length; i++) {
    sum += shares[i] as number;
    shares[i] = sum;
  }
  for (let i = 0; i < shares.length; i++) shares[i] = (shares[i] as number) / sum;
  return { from, cumulative: shares };
}

/** One count. */
export function drawBinomial({ from, cumulative }: BinomialTable, draws: Draws): number {
  const at = draws.uniform() + draws.uniform() * 2 ** -24;
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] as number) > at) high = middle;
    else low = middle + 1;
  }
  return from + low;
}

/** Kinds whose tables are kept: those of the first ones are asked for again and again, and are the large ones. */
const remembered = 4;

/**
 * How often each of some kinds occurs among as many items drawn with replacement, by one binomial after the other; exactly what drawing item by item gives,
 * at a cost that grows with the kinds and not with the items.
 */
export function multinomial(counts: readonly number[]): (draws: Draws) => readonly number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  // The largest first: fewer items are left for the others.
  const order = [...counts.keys()].sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b);
  const known: Map<number, BinomialTable>[] = order.slice(0, remembered).map(() => new Map());
  const tableOf = (place: number, items: number, chance: number): BinomialTable => {
    const table = known[place]?.get(items) ?? binomialTable(items, chance);
    known[place]?.set(items, table);
    return table;
  };
  return (draws) => {
    const drawn = new Array<number>(counts.length).fill(0);
    let [items, weight] = [total, total];
    for (const [place, kind] of order.entries()) {
      const count = counts[kind] as number;
      const found = place === order.length - 1 ? items : drawBinomial(tableOf(place, items, count / weight), draws);
      drawn[kind] = found;
      items -= found;
      weight -= count;
    }
    return drawn;
  };
}
