import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { DataError, DataLimitError, reasonOf } from "../data-error.ts";
import { delimitedRows, separatorOf } from "../delimited.ts";
import { indexedSource, settled, splitNamed, splitOf, type UnsettledSample } from "../indexed-source.ts";
import type { LeftOut, SourceDefinition } from "../source.ts";
import { commonOptions, datasetName } from "../source-options.ts";

/** Column names that are understood, the first that a table has is taken; OpenCLIP's come first. */
const columnNames = {
  image: ["filepath", "path", "file_name", "filename", "image"],
  caption: ["title", "captions", "caption", "text"],
  class: ["class", "class_name", "label"],
  split: ["split"],
  year: ["year"],
} as const;
type Column = keyof typeof columnNames;

const options = z.strictObject({
  ...commonOptions,
  separator: z.string().length(1).optional().describe("between fields; found from the header if absent"),
  columns: z
    .strictObject({ image: z.string(), caption: z.string(), class: z.string(), split: z.string(), year: z.string() })
    .partial()
    .default({})
    .describe("names of columns, where they are not the usual ones"),
});
type Options = z.output<typeof options>;

const endings = /\.(csv|tsv|jsonl|ndjson)$/i;
const maxLine = 16 << 20;

const table: SourceDefinition<typeof options> = {
  summary:
    "A CSV, TSV or JSONL file with a row per image: filepath and title as in OpenCLIP, or class, split, captions, year. Paths are relative to the file.",
  options,
  recognises: (path) => endings.test(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true,
  async open(given) {
    const { path, name, role, templates } = given;
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new DataError(`${path}: expected a table file`);
    const isJson = /\.(jsonl|ndjson)$/i.test(path);
    const samples: UnsettledSample[] = [];
    const leftOut: LeftOut[] = [];
    for await (const row of isJson ? jsonRows(path) : tableRows(path, given)) {
      const sample = sampleOf(row, given);
      if ("reason" in sample) leftOut.push(sample);
      else samples.push(sample);
    }
    return [indexedSource({ name: name ?? datasetName(path), role, templates, samples: settled(samples), leftOut })];
  },
};
export default table;

interface TableRow {
  readonly line: number;
  /** By column name. */
  readonly values: ReadonlyMap<string, unknown>;
}

async function* tableRows(path: string, { separator, columns }: Options): AsyncGenerator<TableRow> {
  let names: readonly string[] | undefined;
  for await (const { line, fields } of delimitedRows(path, separator ?? separatorOf(firstLine(path)))) {
    if (!names) {
      names = fields.map((field) => field.trim());
      checkHeader(path, names, columns);
      continue;
    }
    const header = names;
    if (fields.length > header.length)
      throw new DataError(`${path}:${line}: expected ${header.length} fields, got ${fields.length}`, {
        fix: "quote fields that hold the separator",
      });
    yield { line, values: new Map(fields.map((field, i) => [header[i] ?? "", field])) };
  }
}

function checkHeader(path: string, names: readonly string[], columns: Options["columns"]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DataError(`${path}:1: column "${twice}" occurs twice`);
  for (const name of Object.values(columns))
    if (name !== undefined && !names.includes(name)) throw new DataError(`${path}:1: no column "${name}"; there are: ${names.join(", ")}`);
  if (columns.image === undefined && !columnNames.image.some((name) => names.includes(name)))
    throw new DataError(
      `${path}:1: no column with image paths; expected one of ${columnNames.image.join(", ")}, got: ${names.join(", ")}`,
      {
        fix: "name it: columns: {image: …, caption: …}",
      },
    );
}

async function* jsonRows(path: string): AsyncGenerator<TableRow> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.length > maxLine) throw new DataLimitError(`${path}:${line}: a line longer than ${maxLine} characters`);
    const json = line === 1 ? text.replace(/^\ufeff/, "") : text;
    if (json.trim() === "") continue;
    const value = parseLine(path, line, json);
    yield { line, values: new Map(Object.entries(value)) };
  }
}

function parseLine(path: string, line: number, json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new DataError(`${path}:${line}: not JSON (${reasonOf(error)})`, { cause: error });
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new DataError(`${path}:${line}: expected a JSON object`);
  return value;
}

function firstLine(path: string): string {
  const head = Buffer.alloc(1 << 16);
  const file = openSync(path, "r");
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return head.toString("utf8", 0, length).split(/[\r\n]/)[0] ?? "";
}

function sampleOf({ line, values }: TableRow, { path, columns, testShare }: Options): UnsettledSample | LeftOut {
  const item = `${path}:${line}`;
  const pick = (column: Column): unknown => {
    const name = columns[column] ?? columnNames[column].find((known) => values.has(known));
    return name === undefined ? undefined : values.get(name);
  };
  const file = text(pick("image"));
  if (file === undefined) return { item, reason: "no image path" };
  if (file.includes("\0")) throw new DataError(`${item}: a NUL character in the path`);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(file)) return { item, reason: `an address, not a file: ${file}` };
  const given = pick("caption");
  const captions = (Array.isArray(given) ? given : [given]).map(text).filter((caption) => caption !== undefined);
  const className = text(pick("class"));
  if (captions.length === 0 && className === undefined) return { item, reason: "neither a caption nor a class" };
  const word = text(pick("split"));
  const split = word === undefined ? splitOf(file, testShare) : splitNamed(word);
  if (split === undefined) throw new DataError(`${item}: expected the split train, val or test, got "${word}"`);
  const image = resolve(dirname(path), file);
  const year = yearOf(pick("year"), item);
  return {
    key: file,
    ...(className === undefined ? {} : { className }),
    captions,
    split,
    image: { kind: "file", path: image },
    ...(year === undefined ? {} : { year }),
    bytes: statSync(image, { throwIfNoEntry: false })?.size,
  };
}

function text(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return undefined;
  const trimmed = value.trim();
  return trimmed === "" ? undefined : trimmed;
}

function yearOf(value: unknown, item: string): number | undefined {
  const given = text(value);
  if (given === undefined) return undefined;
  const year = Number(given);
  if (!Number.isFinite(year)) throw new DataError(`${item}: expected a year, got "${given}"`);
  return year;
}
