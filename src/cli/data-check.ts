import { checkData, type DataCheck } from "../data/check.ts";
import { openSources } from "../data/open-sources.ts";
import { clipContextLength, tokenCount } from "../models/tokenizer.ts";
import { tsvTable } from "../report/table.ts";
import { exitCodes, UsageError } from "../util/errors.ts";
import { parse } from "./command.ts";
import { ProgressLine, terminalStage } from "./data-progress.ts";
import { aside, say, sayJson } from "./output.ts";
import { writeOutput } from "./output-file.ts";
import { pluginFlag, usePluginFlag } from "./plugin-flag.ts";
import { firstProblems, type Problem, problemTable } from "./problem-list.ts";

/** Cosine from which two pictures are held to mean the same. */
const usualThreshold = 0.95;

export const usage = {
  synopsis: "data check PATH [--against REF [--model MODEL]] [--strict] [--out problems.tsv] [--json]",
  about: [
    `Reads every image to its end and counts what is wrong: unreadable, equal bytes, wrong endings, captions over ${clipContextLength} tokens, files left out.`,
    "PATH is a folder, a table, tars, parquet files, or a reference as a run file has it (wds:…, mini-flux:emoji-2018).",
    "Exit code 0, with --strict 4 when there is a problem.",
  ].join("\n"),
  flags: {
    against: {
      type: "string",
      value: "REF",
      multiple: true,
      help: "look for the test items of these sets among PATH's training samples instead: equal bytes or pixels, other sizes and encodings, captions",
    },
    model: {
      type: "string",
      value: "MODEL",
      help: "with --against: pictures that mean the same too, by the cosine of this model's image embeddings (preset:NAME, a weights file, a run)",
    },
    threshold: { type: "string", value: "COSINE", help: `with --model: from which cosine on (${usualThreshold})` },
    strict: { type: "boolean", help: "exit with 4 when there is a problem" },
    ...pluginFlag,
    out: { type: "string", help: "write every problem to this file, tab-separated" },
  },
  arguments: [1, 1],
} as const;

/** `evergreen data check`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  await usePluginFlag(flags);
  if (flags.against) return against(rest[0] ?? "", flags.against, flags);
  if (flags.model !== undefined || flags.threshold !== undefined)
    throw new UsageError("--model and --threshold belong to --against", "name test sets, as --against mini-flux:eval");
  return checkSets(rest[0] ?? "", flags);
}

type Flags = NonNullable<ReturnType<typeof parse<typeof usage.flags>>>["flags"];

async function checkSets(path: string, flags: Flags): Promise<number> {
  const sources = await openSources(path, process.cwd());
  const line = new ProgressLine(terminalStage());
  const checks: DataCheck[] = [];
  for (const source of sources)
    checks.push(
      await checkData(source, {
        countTokens: tokenCount,
        maxTokens: clipContextLength,
        ...(flags.quiet || flags.json
          ? {}
          : { progress: (done, total) => line.show(`reading ${source.name}`, { done, total, unit: "images" }) }),
      }),
    );
  line.end();
  const problems = checks.flatMap(problemsOf);
  if (flags.out !== undefined) writeOutput(flags.out, [`${tsvTable(problemTable(problems))}\n`]);
  if (flags.json) sayJson({ sets: checks, problems: problems.length });
  else say(checks.map(summary).join("\n"));
  if (!flags.json && !flags.quiet)
    for (const told of problems.length === 0 ? ["no problems"] : firstProblems(problems, flags.out)) aside(told);
  return flags.strict && problems.length > 0 ? exitCodes.data : exitCodes.done;
}

async function against(path: string, tests: readonly string[], { model, threshold, out, ...flags }: Flags): Promise<number> {
  if (threshold !== undefined && model === undefined) throw new UsageError("--threshold belongs to --model", "add --model");
  const semantic = model === undefined ? {} : { semantic: { model, threshold: thresholdOf(threshold) } };
  const { checkAgainst } = await import("./data-against.ts");
  const { strict = false, json = false, quiet = false } = flags;
  return checkAgainst({ path, against: tests, strict, json, quiet, out, ...semantic });
}

/** @throws {UsageError} for what is no cosine. */
function thresholdOf(text: string | undefined): number {
  const value = text === undefined ? usualThreshold : Number(text);
  if (text?.trim() !== "" && value > 0 && value <= 1) return value;
  throw new UsageError(`--threshold ${text}: expected a cosine above 0, at most 1`, "as --threshold 0.95");
}

/** Every problem of a data set. Of equal images all but the first are named. */
export function problemsOf(check: DataCheck): readonly Problem[] {
  const set = check.dataset;
  return [
    ...check.unreadable.map(({ item, reason }): Problem => ({ set, problem: "unreadable", item, detail: reason })),
    ...check.duplicates.flatMap((group) =>
      group.slice(1).map((id): Problem => ({ set, problem: "duplicate", item: id, detail: `the same as ${group[0]}` })),
    ),
    ...check.misnamed.map(({ item, is }): Problem => ({ set, problem: "misnamed", item, detail: `is ${is}` })),
    ...check.longCaptions.map(({ id, tokens }): Problem => ({ set, problem: "long-caption", item: id, detail: `${tokens} tokens` })),
    ...check.leftOut.map(({ item, reason }): Problem => ({ set, problem: "left-out", item, detail: reason })),
  ];
}

function summary(check: DataCheck): string {
  const count = (number: number, words: string): string[] => (number === 0 ? [] : [`${number.toLocaleString("en")} ${words}`]);
  const copies = check.duplicates.reduce((sum, group) => sum + group.length - 1, 0);
  return [
    `${check.dataset}: ${check.readable.toLocaleString("en")} ok of ${(check.train + check.test).toLocaleString("en")} (${check.train} train, ${check.test} test, ${check.classes} classes)`,
    ...count(check.unreadable.length, "unreadable"),
    ...count(copies, `exact ${copies === 1 ? "duplicate" : "duplicates"}`),
    ...count(check.leaks, "of them in training and testing"),
    ...count(check.misnamed.length, "with a wrong ending"),
    ...count(check.longCaptions.length, `captions over ${clipContextLength} tokens`),
    ...count(check.leftOut.length, "files left out"),
  ].join(" · ");
}
