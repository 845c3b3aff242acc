import { ArchitectureError } from "./architecture.ts";
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

/** What is wrong with a token table that is too short for CLIP's ids. */
export const shortTable = (rows: number, why: string, where?: string): ArchitectureError =>
  new ArchitectureError(
    `${where === undefined ? "" : `${where}: `}the token table has ${rows} rows and says not which of CLIP's ${endToken + 1} ids they are for, but ${why}`,
    "use weights whose file lists them as metadata token_ids, or a model with the whole vocabulary",
  );

/** Refuses a model that no text of CLIP's tokenizer can be given to; `where` names it. @throws {ArchitectureError} */
export function checkVocabulary(where: string, rows: number, tokenIds: readonly number[] | undefined): void {
  if (!tokenIds && rows <= endToken) throw shortTable(rows, `every text ends with the id ${endToken}`, where);
}
