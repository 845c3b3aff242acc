import { registry } from "../data/registry.ts";

/** A data set of the published streams (arXiv:2408.14471, Table 5 and its stream files). */
export interface PublishedSet {
  readonly handle: string;
  /** How most stream files spell it. */
  readonly token: string;
  /** Number in the registry of all sets, from 1. */
  readonly place: number;
  /** Concepts in the full stream. */
  readonly concepts: number;
  /** Length of the class list; larger where some classes are evaluated and never streamed. */
  readonly classes: number;
  /** Year group from 1, and the year it stands for. */
  readonly group: number;
  readonly year: number;
}

/** The 41 sets, by year group and inside a group in the registry's order, which is the block order of the files that stream set by set. */
export const publishedSets: readonly PublishedSet[] = registry
  .flatMap(({ handle, folder, number, classes, yearGroup, year }) =>
    yearGroup === null
      ? []
      : [{ handle, token: folder, place: number, concepts: classes.streamed, classes: classes.list, group: yearGroup, year }],
  )
  .sort((a, b) => a.group - b.group || a.place - b.place);

const byName = new Map(
  publishedSets.flatMap((set, block) => [set.handle, set.token].map((name) => [name.toLowerCase(), { ...set, block }] as const)),
);

/** The published set that goes by this handle or token in any letter case, with its place among the blocks of the year streams. */
export function publishedSet(name: string): (PublishedSet & { readonly block: number }) | undefined {
  return byName.get(name.toLowerCase());
}

/** Every handle and token. */
export const publishedNames: readonly string[] = publishedSets.flatMap(({ handle, token }) => [token, handle]);
