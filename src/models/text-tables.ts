import { readFileSync } from "node:fs";

/** Data that text repair and tokenizing work by, written by scripts/vectors/text-tables.py. */
export interface TextTables {
  /** Code points without a meaning in Unicode 14, first and last of each run. */
  readonly unassigned: readonly number[];
  /** Letters and numbers that are younger than Unicode 14, first and last of each run. */
  readonly newLetters: readonly number[];
  readonly newNumbers: readonly number[];
  /** What bytes 1A and 80 to FF mean in the encodings that are tried, in the order of trying. */
  readonly encodings: Readonly<Record<string, string>>;
  /** Bytes 80 to FF in strict Windows-1252; U+FFFD where it has none. */
  readonly windows1252: string;
  readonly ligatures: Readonly<Record<string, string>>;
  /** Members of character classes, as the inside of `[…]`. */
  readonly categories: Readonly<Record<string, string>>;
  readonly clues: Readonly<Record<string, string>>;
  /** HTML 5's named character references; the names that may lack their semicolon occur twice. */
  readonly entities: Readonly<Record<string, string>>;
}

/** The tables, read when first asked for. */
export const textTables: () => TextTables = once(
  () => JSON.parse(readFileSync(new URL("./text-tables.json", import.meta.url), "utf8")) as TextTables,
);

/** A function that computes its value when first called. */
export function once<T>(compute: () => T): () => T {
  let value: { readonly of: T } | undefined;
  return () => {
    value ??= { of: compute() };
    return value.of;
  };
}

/** Runs of code points as the inside of a `[…]` with the u flag. */
export function classOf(ranges: readonly number[]): string {
  let inside = "";
  for (let i = 0; i < ranges.length; i += 2) inside += `\\u{${ranges[i]?.toString(16)}}-\\u{${ranges[i + 1]?.toString(16)}}`;
  return inside;
}

/** What Python's `str.isspace` and `\s` take for white space; JavaScript's `\s` differs in U+001C to U+001F, U+0085 and U+FEFF. */
export const pythonSpace = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
