import { endToken, startToken } from "./vocabulary.ts";

/**
 * Rows of a token table that holds a part of CLIP's: the given ids, the padding and the two marks, ascending and once each.
 * A model with such a table lists them in its file; ids it lacks read the row of the padding.
 */
export function vocabularyPart(ids: Iterable<number>): readonly number[] {
  return [...new Set([0, ...ids, startToken, endToken])].sort((a, b) => a - b);
}

/** How many of a batch's ids a part of the vocabulary lacks. */
export function countUnknown(ids: Iterable<number>, part: readonly number[]): number {
  const known = new Set(part);
  let unknown = 0;
  for (const id of ids) if (!known.has(id)) unknown++;
  return unknown;
}
