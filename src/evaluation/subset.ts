import { groupBy } from "../util/group-by.ts";
import type { Random } from "../util/random.ts";

/** min(n, max(2C, 300, ⌊f·n⌋)) of n test items with C distinct labels. */
export function subsetSize(items: number, classes: number, fraction: number): number {
  return Math.min(items, Math.max(2 * classes, 300, Math.floor(fraction * items + 1e-9)));
}

/**
 * Item numbers of a subset, sorted: ⌊m/C⌋ of each class without replacement (all where there are fewer), then filled up to m from the
 * rest. It depends on the set's name and labels alone, so it is the same all run long and another set changes nothing.
 * For retrieval the labels are the images themselves.
 */
export function subsetOf(
  random: Random,
  labels: ArrayLike<number>,
  { set, fraction }: { readonly set: string; readonly fraction: number },
): Uint32Array {
  const members = groupBy(Array.from(labels).keys(), (item) => labels[item] as number);
  const size = subsetSize(labels.length, members.size, fraction);
  const each = Math.floor(size / Math.max(1, members.size));
  const chosen: number[] = [];
  const rest: number[] = [];
  for (const label of [...members.keys()].sort((a, b) => a - b)) {
    const own = members.get(label) ?? [];
    const order = random.at(`subset/${set}`, { index: label }).permutation(own.length);
    for (const [place, at] of order.entries()) (place < each ? chosen : rest).push(own[at] as number);
  }
  // The fill has a task word of its own, so that no class shares its draws.
  const fill = random.at(`subset/${set}`, { task: 1 }).permutation(rest.length);
  for (const at of fill.subarray(0, size - chosen.length)) chosen.push(rest[at] as number);
  return Uint32Array.from(chosen).sort();
}
