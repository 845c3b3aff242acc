import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { RunFileError } from "./store-error.ts";

/** The newest number of each format that this program writes. Readers take it and all before it. */
export const formats = {
  run: 1,
  plan: 1,
  env: 1,
  events: 1,
  metrics: 1,
  results: 1,
  ledger: 1,
  log: 1,
  items: 1,
  state: 1,
  manifest: 1,
  latest: 1,
  lock: 1,
  trial: 2,
  object: 1,
} as const;
export type FormatName = keyof typeof formats;

/** `run/1`: what a file of this kind says it is. */
export function formatOf(name: FormatName): string {
  return `${name}/${formats[name]}`;
}

/** @throws {RunFileError} when the value is of another format, or of a later one than this program knows. */
export function checkFormat(value: unknown, name: FormatName, file: string): void {
  const said = (value as { readonly format?: unknown } | null)?.format;
  const match = typeof said === "string" ? /^([a-z]+)\/([1-9]\d*)$/.exec(said) : null;
  if (!match || match[1] !== name)
    throw new RunFileError(basename(file), `expected format ${formatOf(name)}, got ${JSON.stringify(said) ?? "none"}`);
  if (Number(match[2]) > formats[name])
    throw new RunFileError(
      basename(file),
      `format ${said} is later than ${formatOf(name)}, the newest this program reads`,
      "use a newer Evergreen",
    );
}

/** A JSON file of a known format. The caller vouches for the shape behind the format's name. @throws {RunFileError} */
export function readFormatted<T>(file: string, name: FormatName): T {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new RunFileError(basename(file), code ? `cannot be read (${code})` : "is not JSON: it was torn or altered");
  }
  checkFormat(value, name, file);
  return value as T;
}

/** The text of a JSON file of a format: indented, one newline at the end. */
export function formatted(name: FormatName, content: object): string {
  return `${JSON.stringify({ format: formatOf(name), ...content }, undefined, 2)}\n`;
}
