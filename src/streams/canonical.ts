import type { Concept } from "../data/source.ts";
import { publishedSet } from "./published-sets.ts";

/** Class lists by data set. */
export type ClassLists = ReadonlyMap<string, readonly string[]>;

/** By code units: the same on every machine, whatever its language. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The order that orderings start from and ties fall back to, whatever order files were found in: published data sets as they are registered, then others by
 * name; inside a data set as in its class list, then by name.
 */
export function canonical(concepts: readonly Concept[], classLists: ClassLists = new Map()): readonly Concept[] {
  const labels = new Map([...classLists].map(([dataset, names]) => [dataset, new Map(names.map((name, label) => [name, label]))]));
  const labelOf = ({ dataset, name }: Concept): number => labels.get(dataset)?.get(name) ?? Number.MAX_SAFE_INTEGER;
  return [...concepts].sort(
    (a, b) => placeOf(a.dataset) - placeOf(b.dataset) || byText(a.dataset, b.dataset) || labelOf(a) - labelOf(b) || byText(a.name, b.name),
  );
}

function placeOf(dataset: string): number {
  return publishedSet(dataset)?.place ?? Number.MAX_SAFE_INTEGER;
}
