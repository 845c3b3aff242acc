import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type CaptionPair, checkMerged, joinCaptions, type TokenLimit } from "../data/caption-merge.ts";
import { mergeWithProgram } from "../data/caption-program.ts";
import { DataError } from "../data/data-error.ts";
import { neededFiles } from "../data/data-root.ts";
import { type CaptionParts, readCaptionParts, readClassList } from "../data/info-file.ts";
import { type RegisteredSet, registry } from "../data/registry.ts";
import { clipContextLength, tokenCount } from "../models/tokenizer.ts";
import { UsageError } from "../util/errors.ts";
import { parse } from "./command.ts";
import { ProgressLine, terminalStage } from "./data-progress.ts";
import { aside, counted, say, sayJson } from "./output.ts";
import { checkOutput, writeOutput } from "./output-file.ts";

export const usage = {
  synopsis: "data captions INFO.json --out OUT.json [--with COMMAND] [--template TEXT] [--classnames FILE] [--json]",
  about: [
    "Merges, for each picture of an info file, the class caption (template and class name) and the first synthetic caption into synthetic_merged_caption.",
    `Every merged caption is held to ${clipContextLength} tokens and must have the class name in it; at most 1 % may equal one of the two. Else exit code 4, and nothing is written.`,
  ].join("\n"),
  flags: {
    out: { type: "string", value: "OUT.json", help: "the same info file with merged captions; may be INFO.json itself" },
    with: {
      type: "string",
      value: "COMMAND",
      help: 'a program that merges, run by the shell: it reads {"class_name", "class_caption", "synthetic"} a line and answers {"merged"} a line; absent: the class caption, then as much of the other as there is room for',
    },
    template: {
      type: "string",
      value: "TEXT",
      help: "the prompt, {} for the class name; absent: the registered set's, known by the file's name",
    },
    classnames: {
      type: "string",
      value: "FILE",
      help: "class list, place is target; absent: the registered set's where it lies beside the file, else each record's own name",
    },
  },
  arguments: [1, 1],
} as const;

/** `evergreen data captions`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const [info = ""] = rest;
  if (flags.out === undefined) throw new UsageError("no --out", `usage: evergreen ${usage.synopsis}`);
  checkOutput(flags.out);
  const set = registeredBy(info);
  const template = templateOf(flags.template, set, info);
  const list = flags.classnames ?? listBeside(info, set);
  const { whole, parts } = readCaptionParts(info, list === undefined ? [] : readClassList(list));
  const pairs = pairsOf(parts, template, info);
  const limit: TokenLimit = { countTokens: tokenCount, maxTokens: clipContextLength };
  const line = new ProgressLine(terminalStage());
  const progress = (done: number, total: number): void => line.show("merging", { done, total, unit: "captions" });
  const merged =
    flags.with === undefined
      ? pairs.map((pair) => joinCaptions(pair, limit))
      : await mergeWithProgram(flags.with, pairs, ...(flags.quiet || flags.json ? [] : [progress]));
  line.end();
  checkMerged(pairs, merged, limit);
  writeOutput(flags.out, [`${JSON.stringify(withMerged(whole, pairs, merged))}\n`]);
  const left = parts.length - pairs.length;
  if (flags.json) sayJson({ out: flags.out, merged: merged.length, left });
  else say(`${flags.out}: ${counted(merged.length, "merged caption")}`);
  if (left > 0 && !flags.json && !flags.quiet) aside(`${counted(left, "record")} without a synthetic caption left as found`);
  return 0;
}

/** The registered set that has an info file of this name. */
function registeredBy(info: string): RegisteredSet | undefined {
  const name = basename(info);
  return registry.find((set) => neededFiles(set).some(({ holds, names }) => holds !== "classes" && names.includes(name)));
}

function templateOf(given: string | undefined, set: RegisteredSet | undefined, info: string): string {
  const template = given ?? set?.template;
  if (template === undefined)
    throw new UsageError(`${basename(info)}: no registered set has an info file of this name`, 'say --template, as "A photo of a {}."');
  if (template.includes("{}")) return template;
  throw new UsageError(`--template ${JSON.stringify(template)}: expected {} where the class name goes`, 'as --template "A photo of a {}."');
}

/** Records' own names may be another list's, so a registered set's list goes before them. */
function listBeside(info: string, set: RegisteredSet | undefined): string | undefined {
  const [name] = (set && neededFiles(set).find(({ holds }) => holds === "classes")?.names) ?? [];
  const path = name === undefined ? undefined : join(dirname(info), name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Of the records that a captioner described. */
function pairsOf(parts: readonly CaptionParts[], template: string, info: string): readonly CaptionPair[] {
  const pairs = parts.flatMap(({ path, className, synthetic }): readonly CaptionPair[] => {
    if (synthetic === undefined) return [];
    if (className === undefined)
      throw new DataError(`${info}: ${path}: no class name`, { fix: "give the class list: --classnames FOLDER_classnames.json" });
    return [{ path, className, classCaption: template.replaceAll("{}", () => className), synthetic }];
  });
  if (pairs.length > 0) return pairs;
  throw new DataError(`${info}: none of ${parts.length} records has a synthetic_caption`, {
    fix: "write the captioner's captions into synthetic_caption, a text or a list of texts, first",
  });
}

/** The file's own records in its order, the merged caption set in those that have one. */
function withMerged(
  whole: Readonly<Record<string, object>>,
  pairs: readonly CaptionPair[],
  merged: readonly string[],
): Readonly<Record<string, object>> {
  const captions = new Map(pairs.map(({ path }, i) => [path, merged[i]]));
  return Object.fromEntries(
    Object.entries(whole).map(([path, record]) =>
      captions.has(path) ? [path, { ...record, synthetic_merged_caption: captions.get(path) }] : [path, record],
    ),
  );
}
