import type { Random } from "../util/random.ts";
import type { SampleOrder } from "./positions.ts";
import { remember } from "./remember.ts";

/** What the rows of a source are drawn evenly over: its samples, its concepts or its data sets. */
export const drawRules = ["uniform", "class-balanced", "dataset-balanced"] as const;
export type DrawRule = (typeof drawRules)[number];

/** The samples of a pool by group, groups in the order of their first sample. */
export interface PoolGroups {
  /** First member of each group, and the number of all members at the end. */
  readonly starts: readonly number[];
  readonly members: Uint32Array;
}

/** Groups the samples 0 … size − 1 by a key. */
export function groupPool(size: number, keyOf: (sample: number) => string): PoolGroups {
  const numbers = new Map<string, number>();
  const groupOf = new Uint32Array(size);
  const counts: number[] = [];
  for (let sample = 0; sample < size; sample++) {
    const key = keyOf(sample);
    const group = numbers.get(key) ?? numbers.size;
    numbers.set(key, group);
    groupOf[sample] = group;
    counts[group] = (counts[group] ?? 0) + 1;
  }
  const starts = [0];
  for (const count of counts) starts.push((starts.at(-1) as number) + count);
  const filled = starts.slice(0, -1);
  const members = new Uint32Array(size);
  groupOf.forEach((group, sample) => {
    members[filled[group] as number] = sample;
    filled[group] = (filled[group] as number) + 1;
  });
  return { starts, members };
}

/**
 * Every group once a round, in a fresh permutation for each (task, round); a group gives its samples in a fresh permutation for each of its own passes. So after any
 * number of rows the groups differ by at most one row, and the samples of a group by at most one. A pure function of the position.
 */
export function balancedOrder(
  random: Random,
  source: "update" | "buffer",
  { task, groups }: { readonly task: number; readonly groups: PoolGroups },
): SampleOrder {
  const { starts, members } = groups;
  const count = starts.length - 1;
  const round = remember(2, (index) => random.at(`order/${source}/groups`, { task, index }).permutation(count));
  const inside = new Map<number, (pass: number) => Uint32Array>();
  const permutations = (group: number, size: number): ((pass: number) => Uint32Array) => {
    const made = remember(2, (index) => random.at(`order/${source}/group`, { task, index, step: group }).permutation(size));
    inside.set(group, made);
    return made;
  };
  return (position) => {
    const rounds = Math.floor(position / count);
    const group = round(rounds)[position % count] as number;
    const start = starts[group] as number;
    const size = (starts[group + 1] as number) - start;
    const pass = Math.floor(rounds / size);
    const order = (inside.get(group) ?? permutations(group, size))(pass);
    return { sample: members[start + (order[rounds % size] as number)] as number, pass };
  };
}
