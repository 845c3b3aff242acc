import type { TokenBatch } from "./text-transformer.ts";

/** Ids of a text, start and end included, padded with 0 to `length` and cut to it. */
export type Tokenize = (text: string, length: number) => Int32Array;

/** A tokenizer that remembers: captions come back every pass. Holds at most `limit` texts. */
export function remembering(tokenize: Tokenize, limit = 200_000): Tokenize {
  const known = new Map<string, Int32Array>();
  return (text, length) => {
    const key = `${length}:${text}`;
    const found = known.get(key);
    if (found) return found;
    if (known.size >= limit) known.clear();
    const ids = tokenize(text, length);
    known.set(key, ids);
    return ids;
  };
}

/** Distinct texts of a batch and the row of each: two captions with the same ids are one text. */
export function distinctTexts(
  texts: readonly string[],
  tokenize: Tokenize,
  length: number,
): { readonly batch: TokenBatch; readonly rowOf: Int32Array } {
  const rows = new Map<string, number>();
  const kept: Int32Array[] = [];
  const rowOf = Int32Array.from(texts, (text) => {
    const ids = tokenize(text, length);
    const key = ids.join(" ");
    const known = rows.get(key);
    if (known !== undefined) return known;
    rows.set(key, kept.length);
    kept.push(ids);
    return kept.length - 1;
  });
  const ids = new Int32Array(kept.length * length);
  kept.forEach((row, i) => {
    ids.set(row, i * length);
  });
  return { batch: { ids, rows: kept.length, length }, rowOf };
}
