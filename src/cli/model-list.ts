import { readFileSync } from "node:fs";
import { EvergreenError } from "../util/errors.ts";

/** A list of texts or images that a user gave and that cannot be read as one. */
class ListError extends EvergreenError {
  constructor(file: string, line: number | undefined, message: string) {
    super(message, { code: "EG-4601", exit: "data", place: { file, ...(line === undefined ? {} : { line }) } });
  }
}

/**
 * The values of a JSONL file, one JSON value a line, in its order; lines without anything are passed over.
 * @param read gives a line's value in its own type, or says what was expected.
 */
export function readList<T>(file: string, read: (value: unknown) => { readonly value: T } | { readonly expected: string }): readonly T[] {
  return textOf(file)
    .split("\n")
    .flatMap((line, i): readonly T[] => {
      if (line.trim() === "") return [];
      const found = read(parsed(line, file, i + 1));
      if ("expected" in found) throw new ListError(file, i + 1, `expected ${found.expected}, got ${shorten(line.trim())}`);
      return [found.value];
    });
}

function textOf(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new ListError(file, undefined, `the list cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ListError(file, undefined, "the list is not UTF-8");
  }
}

function parsed(line: string, file: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ListError(file, number, `expected JSON, got ${shorten(line.trim())}`);
  }
}

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text);

/**
 * Lets flags take several values: `--image a b --text c` becomes `--image=a --image=b --text=c`. A value that looks like a flag ends the list;
 * `--text=-x` gives one all the same.
 */
export function spreadFlags(argv: readonly string[], names: readonly string[]): readonly string[] {
  const result: string[] = [];
  let current: string | undefined;
  let awaited = false;
  for (const [i, argument] of argv.entries()) {
    if (argument === "--") return [...result, ...argv.slice(i)];
    const name = /^--([a-z-]+)(=|$)/.exec(argument)?.[1];
    const known = name !== undefined && names.includes(name);
    if (/^--?[A-Za-z]/.test(argument)) {
      if (awaited) result.push(`--${current}`);
      current = known ? name : undefined;
      awaited = known && !argument.includes("=");
      if (!awaited) result.push(argument);
    } else if (current !== undefined) {
      result.push(`--${current}=${argument}`);
      awaited = false;
    } else result.push(argument);
  }
  return awaited ? [...result, `--${current}`] : result;
}
