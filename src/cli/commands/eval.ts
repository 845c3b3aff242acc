import { resolve } from "node:path";
import { type Gate, type JudgedGate, judge, parseGate, verdictOfAll } from "../../evaluation/gate.ts";
import { exitCodes, hint, UsageError } from "../../util/errors.ts";
import { parse, storeFlags, wholeNumber } from "../command.ts";
import type { DriftRequest } from "../drift-sheet.ts";
import { formatShare, fromHere, counted as plural, say, sayFacts, sayJson, sayTable } from "../output.ts";
import { pluginFlag } from "../plugin-flag.ts";
import { probeFlags, probeOf } from "../probe-options.ts";
import { splitReferences } from "../references.ts";
import type { ScoreRequest, ScoreSheet } from "../score-model.ts";
import { splitsTable } from "../splits-table.ts";
import { itemsToLeaveOut } from "../without-items.ts";

export const usage = {
  synopsis: "eval MODEL|RUN --suite REF[,REF]",
  about: [
    "Scores a model on data sets and writes nothing. MODEL is a weights file or folder, or preset:NAME; of a RUN the newest checkpoint is taken, and without --suite its own evaluation sets.",
    "REF is as stream.from in a run file: mini-flux:eval, folder:./photos?test=1 (all of it is tested), a table, tars, parquet files.",
  ].join("\n"),
  flags: {
    suite: { type: "string", value: "REF", multiple: true, help: "data sets; several by commas or by repeating the flag" },
    from: {
      type: "string",
      value: "REF",
      multiple: true,
      help: "what the model was adapted to: these sets count in KA (the run's stream; else every set of role adapt)",
    },
    runs: storeFlags.runs,
    arch: { type: "string", value: "NAME", help: "architecture, where the weights do not say" },
    precision: { type: "string", choices: ["fp32", "bf16"], help: "precision of the forward pass (fp32)" },
    templates: { type: "string", choices: ["single", "ensemble"], help: "first prompt of a set, or the mean over all of them (single)" },
    on: {
      type: "string",
      choices: ["test", "validation"],
      help: "the test split, or a fifth of the training samples drawn by --seed (test)",
    },
    without: { type: "string", value: "FILE", help: "leave out the test items that data check --against found, or a list of ids" },
    ...probeFlags,
    ...pluginFlag,
    seed: { type: "string", value: "N", help: "of the split for validation (the run's), and of a probe's draws (0)" },
    "batch-size": { type: "string", value: "N", help: "images at a time (128)" },
    drift: { type: "boolean", help: "how far weights and features of each checkpoint have moved from the start, in place of scores" },
    base: { type: "string", value: "MODEL", help: "with --drift: the weights it started from (the run's start)" },
    assert: {
      type: "string",
      value: "SCORE>=PERCENT",
      multiple: true,
      help: "what ka, zs, gm, SET or SET.METRIC must be (>= or <=), with its 95 % interval: exit 8 if it is not, 10 if it cannot be told",
    },
    all: { type: "boolean", help: "every metric of a set, not only the one that counts; with --drift every block of the model" },
  },
  arguments: [1, 1],
  takesRun: true,
} as const;

type Flags = NonNullable<ReturnType<typeof parse<typeof usage.flags>>>["flags"];

/** `evergreen eval`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const asked = requestOf(flags);
  const gates = (flags.assert ?? []).map(gateOf);
  const { findModelFile } = await import("../model-reference.ts");
  const model = findModelFile(rest[0] ?? "", flags.runs);
  const line = progressLine(flags.quiet === true);
  if (flags.drift) return tellDrift(flags, { ...asked, model, onState: line.show });
  const { scoreModel } = await import("../score-model.ts");
  const sheet = await scoreModel({ ...asked, model, onSet: line.show });
  line.clear();
  const judged = gates.map((gate) => judge(gate, measuredScore(gate, sheet)));
  if (flags.json) sayJson(gates.length > 0 ? { ...sheet, gates: judged } : sheet);
  else
    tell(sheet, {
      all: flags.all === true,
      of: `${flags.probe ? " of linear probes" : asked.evaluator ? ` by ${asked.evaluator.name}` : ""}${asked.validation ? " on validation samples" : ""}`,
    });
  if (sheet.leftOut.length > 0) process.stderr.write(`left out, nothing to fit a probe to: ${sheet.leftOut.join(", ")}\n`);
  for (const gate of judged) process.stderr.write(`${gate.result.padEnd(9)} ${gate.text}${shown(gate)}\n`);
  return { pass: exitCodes.done, fail: exitCodes.assertion, undecided: exitCodes.undecided }[verdictOfAll(judged)];
}

/** A line on the terminal that says what is being evaluated. */
function progressLine(quiet: boolean): { show(what: string, index: number, of: number): void; clear(): void } {
  const write = (text: string): void => {
    if (!quiet && process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  };
  return { show: (what, index, of) => write(`evaluating ${what} ${index + 1}/${of}`), clear: () => write("") };
}

async function tellDrift(flags: Flags, request: Omit<DriftRequest, "base">): Promise<number> {
  const { driftSheet, driftTable, partsTable } = await import("../drift-sheet.ts");
  const { findModelFile } = await import("../model-reference.ts");
  const base = flags.base === undefined ? {} : { base: findModelFile(flags.base, flags.runs) };
  const sheet = await driftSheet({ ...request, ...base });
  progressLine(flags.quiet === true).clear();
  if (flags.json) sayJson(sheet);
  else {
    sayTable(driftTable(sheet.rows));
    if (flags.all) {
      say();
      sayTable(partsTable(sheet.rows));
    }
    process.stderr.write(`features of ${sheet.pairs.count} pairs, digest ${sheet.pairs.digest.slice(0, 16)}\n`);
  }
  return exitCodes.done;
}

function requestOf(flags: Flags): Omit<ScoreRequest, "model" | "onSet"> {
  const seed = flags.seed === undefined ? undefined : wholeNumber("seed", flags.seed, 0);
  const evaluator = probeOf(flags, seed);
  if (seed !== undefined && !evaluator && flags.on !== "validation")
    throw new UsageError("--seed draws nothing here", "add --on validation or --probe");
  if (flags.drift && (flags.assert || flags.on || evaluator))
    throw new UsageError("--drift gives no scores", "ask for them without --drift");
  if (flags.base !== undefined && !flags.drift) throw new UsageError("--base belongs to --drift", "add --drift");
  return {
    ...(flags.suite ? { suite: splitReferences(flags.suite) } : {}),
    ...(flags.from ? { from: splitReferences(flags.from) } : {}),
    ...(flags.arch === undefined ? {} : { arch: flags.arch }),
    ...(evaluator ? { evaluator } : {}),
    ...(flags.plugins ? { plugins: flags.plugins.map((folder) => resolve(folder)) } : {}),
    ...(flags.without === undefined ? {} : { without: itemsToLeaveOut(flags.without) }),
    ...(flags.on === "validation" ? { validation: seed === undefined ? {} : { seed } } : {}),
    batchSize: flags["batch-size"] === undefined ? 128 : wholeNumber("batch-size", flags["batch-size"]),
    precision: flags.precision === "bf16" ? "bf16" : "fp32",
    templates: flags.templates === "ensemble" ? "ensemble" : "single",
  };
}

function gateOf(text: string): Gate {
  const gate = parseGate(text);
  if (!gate)
    throw new UsageError(
      `--assert ${text}: expected SCORE>=PERCENT or SCORE<=PERCENT`,
      "as --assert 'zs>=65' or --assert 'imagenet1k.acc1>=63.2'",
    );
  return gate;
}

/** @throws {UsageError} for a score that the sheet does not hold. */
function measuredScore({ text, score }: Gate, { rows, scores }: ScoreSheet): JudgedGate["measured"] {
  if (score === "ka" || score === "zs" || score === "gm") return scores[score];
  const found = rows.find(({ dataset, metric, isHeadline }) => (dataset === score && isHeadline) || `${dataset}.${metric}` === score);
  if (found) return found;
  const known = ["ka", "zs", "gm", ...rows.map(({ dataset, metric }) => `${dataset}.${metric}`)];
  throw new UsageError(`--assert ${text}: nothing was measured as ${score}`, hint(score, known));
}

const shown = ({ measured }: JudgedGate): string => {
  if (!measured) return ": not measured";
  const percents = [measured.value, ...(measured.interval ?? [])].map((share) => (100 * share).toFixed(1));
  return `: ${percents[0]} %${measured.interval ? `, 95 % interval ${percents[1]} to ${percents[2]}` : ""}`;
};

function tell({ model, rows, scores }: ScoreSheet, { all, of }: { readonly all: boolean; readonly of: string }): void {
  const right = { align: "right" } as const;
  const counted = (set: string): string => (scores.kaSets.includes(set) ? "KA" : scores.zsSets.includes(set) ? "ZS" : "");
  const digits = (share: number): string => (100 * share).toFixed(1);
  sayTable({
    columns: [
      { title: "set" },
      { title: "counts in" },
      { title: "metric" },
      { title: "%", ...right },
      { title: "95 % interval", ...right },
      { title: "n", ...right },
      { title: "seconds", ...right },
    ],
    rows: rows
      .filter(({ isHeadline }) => all || isHeadline)
      .map(({ dataset, metric, value, interval, n, seconds, isHeadline }) => [
        dataset,
        isHeadline ? counted(dataset) : "",
        metric,
        digits(value),
        interval && `${digits(interval[0])} – ${digits(interval[1])}`,
        n,
        isHeadline ? seconds?.toFixed(1) : undefined,
      ]),
  });
  if (scores.splits) {
    say();
    sayTable(splitsTable(scores.splits));
  }
  say();
  const mean = (sets: readonly string[]): string => `mean over ${plural(sets.length, "set")}${of}`;
  sayFacts([
    ["KA", scores.ka && `${formatShare(scores.ka, true)} %, ${mean(scores.kaSets)}`],
    ["ZS", scores.zs && `${formatShare(scores.zs, true)} %, ${mean(scores.zsSets)}`],
    ["GM", scores.gm && `${formatShare(scores.gm, true)} %`],
    [
      "model",
      `${fromHere(model.path)}: ${model.arch ?? "own architecture"}, sha256 ${model.digest.slice(0, 16)}, ${rows[0]?.precision ?? ""}${model.models > 1 ? `, the last of ${model.models} whose largest logits count` : ""}`,
    ],
  ]);
}
