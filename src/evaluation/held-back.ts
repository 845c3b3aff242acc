import { groupBy } from "../util/group-by.ts";
import type { Draws, Random } from "../util/random.ts";

/** Share of training samples that validation takes the place of testing with. */
export const validationShare = 0.2;

/** How many of a label's items are held back. */
export const heldCount = (items: number): number => (items < 2 ? 0 : Math.max(1, Math.floor(validationShare * items + 1e-9)));

/**
 * Which items are held back: of each label a fifth at random, at least one where there are two, none of a label that has one. A label's draw depends on its number
 * alone, so another label changes nothing.
 */
export function heldBack(random: Random, labels: ArrayLike<number>, purpose: string): Uint8Array {
  const flags = new Uint8Array(labels.length);
  eachLabel(labels, (label, items) => {
    for (const item of chosen(random.at(purpose, { index: label }), items, heldCount(items.length))) flags[item] = 1;
  });
  return flags;
}

/** `count` items of each label at random, all where there are fewer; ascending. */
export function drawnOfEach(
  random: Random,
  labels: ArrayLike<number>,
  { purpose, count }: { purpose: string; count: number },
): Uint32Array {
  const drawn: number[] = [];
  eachLabel(labels, (label, items) => drawn.push(...chosen(random.at(purpose, { index: label }), items, count)));
  return Uint32Array.from(drawn).sort();
}

function chosen(draws: Draws, items: readonly number[], count: number): readonly number[] {
  return Array.from(draws.permutation(items.length).subarray(0, count), (at) => items[at] as number);
}

function eachLabel(labels: ArrayLike<number>, visit: (label: number, items: readonly number[]) => void): void {
  const members = groupBy(Array.from(labels).keys(), (item) => labels[item] as number);
  for (const [label, items] of members) visit(label, items);
}
