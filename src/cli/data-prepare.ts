import { resolve } from "node:path";
import { openSources } from "../data/open-sources.ts";
import { type PrepareOptions, type PrepareResult, prepare } from "../data/prepare.ts";
import type { Table } from "../report/table.ts";
import { exitCodes, UsageError } from "../util/errors.ts";
import { parse, wholeNumber } from "./command.ts";
import { ProgressLine, terminalStage } from "./data-progress.ts";
import { aside, sayJson, sayTable } from "./output.ts";

const layouts = ["shards", "folder"] as const;
const encodings = ["jpeg", "png"] as const;

export const usage = {
  synopsis: "data prepare PATH --out FOLDER [--side 224] [--format jpeg] [--layout shards]",
  about: [
    "Resized copies of data sets: the shorter side brought down to --side, smaller pictures as they are; with every sample's id, class and captions.",
    "PATH is a folder, a table, tars, parquet files, or a reference as a run file has it. The copy is used as stream.from: prepared:FOLDER.",
    "Called again it reads what is there, makes what is missing or differs, and ends with the same bytes as if it had never been stopped.",
  ].join("\n"),
  flags: {
    out: { type: "string", value: "FOLDER", help: "where the copy is written" },
    side: { type: "string", value: "N", help: "length of the shorter side; default 224" },
    format: { type: "string", choices: encodings, help: "of resized pictures: jpeg (default) or png" },
    quality: { type: "string", value: "N", help: "of jpeg, 1 to 100; default 95" },
    resampler: { type: "string", choices: ["exact", "fast"], help: "fast (default) differs from exact by a few levels at edges" },
    layout: { type: "string", choices: layouts, help: "shards (tars, default) or folder" },
    "per-part": { type: "string", value: "N", help: "samples of a tar or folder; default 1000" },
  },
  arguments: [1, 1],
} as const;

/** `evergreen data prepare`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const options = optionsOf(flags);
  const sources = await openSources(rest[0] ?? "", process.cwd());
  const line = new ProgressLine(terminalStage());
  const isTold = !flags.quiet && !flags.json;
  try {
    const result = await prepare(sources, {
      ...options,
      ...(isTold ? { progress: ({ set, done, total }) => line.show(`preparing ${set}`, { done, total, unit: "pictures" }) } : {}),
    });
    line.end();
    if (flags.json) sayJson({ ...result, out: options.out });
    else sayTable(tableOf(result));
    if (isTold) aside(`${options.out}: ${result.made} parts made, ${result.found} were there and whole; use it as prepared:${options.out}`);
    return exitCodes.done;
  } finally {
    line.end();
  }
}

type Flags = NonNullable<ReturnType<typeof parse<typeof usage.flags>>>["flags"];

function optionsOf(flags: Flags): PrepareOptions {
  if (flags.out === undefined) throw new UsageError("no --out", "say where the copy is written: --out FOLDER");
  const encoding = encodings.find((each) => each === flags.format) ?? "jpeg";
  if (encoding === "png" && flags.quality !== undefined)
    throw new UsageError("--quality with --format png: has no effect", "leave one of them out");
  const quality = flags.quality === undefined ? 95 : wholeNumber("quality", flags.quality);
  if (quality > 100) throw new UsageError(`--quality ${quality}: expected 1 to 100`, "as --quality 95");
  return {
    out: resolve(flags.out),
    transform: {
      side: flags.side === undefined ? 224 : wholeNumber("side", flags.side),
      encoding,
      ...(encoding === "jpeg" ? { quality } : {}),
      resampler: flags.resampler === "exact" ? "exact" : "fast",
    },
    layout: layouts.find((each) => each === flags.layout) ?? "shards",
    perPart: flags["per-part"] === undefined ? 1000 : wholeNumber("per-part", flags["per-part"]),
  };
}

function tableOf({ manifest }: PrepareResult): Table {
  const number = (title: string) => ({ title, align: "right" as const });
  return {
    columns: [{ title: "set" }, number("train"), number("test"), number("unreadable"), number("parts")],
    rows: manifest.sets.map(({ name, train, test, unreadable, parts }) => [name, train, test, unreadable, parts.length]),
  };
}
