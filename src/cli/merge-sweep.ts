import { type SweepAdvice, type SweepGoal, sweepAdvice, sweepWeightsTable } from "../report/merge-sweep.ts";
import { exitCodes, UsageError } from "../util/errors.ts";
import { parse, storeFlags, wholeNumber } from "./command.ts";
import { drawTo, pictureFile } from "./draw.ts";
import { modelReferenceHelp } from "./model-reference.ts";
import { aside, commandName, say, sayJson, sayTable } from "./output.ts";
import { splitReferences } from "./references.ts";
import type { ScoredWeight } from "./sweep-weights.ts";
import type { SweepPlan } from "./swept-models.ts";

/** Share of each set's test items that `--eval quick` scores on; small sets stay whole. */
const quickShare = 0.1;

export const usage = {
  synopsis: "merge sweep RUN [--weight 0:1:0.1] [--eval quick|full] [--figure FILE]",
  about: [
    "Scores merges of a run's weights with older ones, and says which to keep. Nothing is trained and no model is written; what was scored once is not scored again.",
    `A weight is the share of the old weights: 0 is the run's, 1 the old ones. RUN is ${modelReferenceHelp}.`,
  ].join("\n"),
  flags: {
    weight: { type: "string", value: "FROM:TO:STEP", help: "weights to score, as 0:1:0.1 (the default) or a list, as 0,0.5,0.9" },
    from: {
      type: "string",
      value: "OLD",
      help: "the old weights: theta0 (what the run began with), previous (what the task before shipped), or a model",
    },
    unfold: { type: "boolean", help: "of a run that merges over time: fold its last expert with other weights" },
    eval: {
      type: "string",
      choices: ["quick", "full"],
      help: "a fixed tenth of the test items, at least 300 a set, or all of them (quick)",
    },
    by: { type: "string", choices: ["ka", "gm"], help: "the score that decides (ka)" },
    floor: { type: "string", value: "ZS", help: "least ZS: -1 is one point below the old weights' (the default), 62.5 is 62.5 %" },
    suite: { type: "string", value: "REF", multiple: true, help: "data sets in place of the run's own" },
    figure: { type: "string", value: "FILE", help: "draw the curve as .svg or .png" },
    precision: { type: "string", choices: ["fp32", "bf16"], help: "precision of the forward pass (fp32)" },
    templates: { type: "string", choices: ["single", "ensemble"], help: "first prompt of a set, or the mean over all of them (single)" },
    "batch-size": { type: "string", value: "N", help: "images at a time (128)" },
    runs: storeFlags.runs,
  },
  arguments: [1, 1],
  takesRun: true,
} as const;

type Flags = NonNullable<ReturnType<typeof parse<typeof usage.flags>>>["flags"];

/** `evergreen merge sweep`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(withSign(argv), usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const [reference = ""] = rest;
  const asked = weightsOf(flags.weight ?? "0:1:0.1");
  const goal: SweepGoal = { by: flags.by === "gm" ? "gm" : "ka", floor: floorOf(flags.floor ?? "-1") };
  const figure = flags.figure === undefined ? undefined : pictureFile("figure", flags.figure);
  if (flags.unfold && flags.from !== undefined)
    throw new UsageError("--unfold goes between the last expert and what came before", "leave --from away");
  const { interpolations, lastFolds } = await import("./swept-models.ts");
  const plan = flags.unfold ? lastFolds(reference, flags.runs) : interpolations(reference, flags.from ?? "theta0", flags.runs);
  const show = (text: string): void => void (!flags.quiet && process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`));
  const { sweepWeights } = await import("./sweep-weights.ts");
  // The old weights are what a floor in points counts from.
  const weights = [...new Set([...asked, 1])].sort((a, b) => a - b);
  const points = await sweepWeights(plan, {
    weights,
    scoring: scoringOf(flags),
    env: process.env,
    onState: (weight, set) => show(`${weight} of the old weights: ${set}`),
  });
  show("");
  const start = points.find(({ weight }) => weight === 1)?.scores ?? {};
  const advice = sweepAdvice(points, start, goal);
  await tell({ plan, points, advice, flags });
  if (figure !== undefined) await drawSweep(points, advice, figure);
  return exitCodes.done;
}

/** `--floor -1` as `--floor=-1`: a value that begins with a dash reads as a flag otherwise. */
function withSign(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((arg, i) => arg === "--floor" && /^-\d/.test(argv[i + 1] ?? ""));
  return at < 0 ? argv : [...argv.slice(0, at), `--floor=${argv[at + 1]}`, ...argv.slice(at + 2)];
}

/** Most weights of one sweep. */
const mostWeights = 201;

function weightsOf(text: string): readonly number[] {
  const wrong = (): UsageError =>
    new UsageError(`--weight ${text}: expected FROM:TO:STEP or a list of numbers in [0, 1]`, "as --weight 0:1:0.1 or --weight 0,0.5,0.9");
  const range = /^([\d.]+):([\d.]+):([\d.]+)$/.exec(text)?.slice(1).map(Number);
  const [from = 0, to = 0, step = 0] = range ?? [];
  if (range && !(step > 0 && to >= from && (to - from) / step < mostWeights)) throw wrong();
  const weights = range
    ? Array.from({ length: Math.floor((to - from) / step + 1e-9) + 1 }, (_, i) => Number((from + i * step).toPrecision(12)))
    : text.split(",").map((each) => (each.trim() === "" ? Number.NaN : Number(each)));
  if (weights.some((weight) => !(weight >= 0 && weight <= 1))) throw wrong();
  return weights;
}

function floorOf(text: string): SweepGoal["floor"] {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value > 100)
    throw new UsageError(`--floor ${text}: expected points below the old weights' ZS, or per cent`, "as --floor -1 or --floor 62.5");
  return value <= 0 ? { points: value } : { share: value / 100 };
}

function scoringOf(flags: Flags) {
  return {
    ...(flags.suite ? { suite: splitReferences(flags.suite) } : {}),
    ...(flags.eval === "full" ? {} : { share: quickShare }),
    batchSize: flags["batch-size"] === undefined ? 128 : wholeNumber("batch-size", flags["batch-size"]),
    precision: flags.precision === "bf16" ? "bf16" : "fp32",
    templates: flags.templates === "ensemble" ? "ensemble" : "single",
  } as const;
}

async function tell({
  plan,
  points,
  advice,
  flags,
}: {
  readonly plan: SweepPlan;
  readonly points: readonly ScoredWeight[];
  readonly advice: SweepAdvice;
  readonly flags: Flags;
}): Promise<void> {
  const command = advice.weight === undefined ? undefined : keepCommand(plan, advice.weight, flags.runs);
  const isQuick = flags.eval !== "full";
  if (flags.json)
    return sayJson({
      old: plan.old,
      new: plan.fresh,
      eval: isQuick ? "quick" : "full",
      points: points.map(({ weight, scores, rows, isKnown }) => ({
        weight,
        scores,
        rows: rows.filter(({ isHeadline }) => isHeadline),
        isKnown,
      })),
      keep: advice.weight ?? null,
      leastZs: advice.leastZs ?? null,
      sentence: advice.sentence,
      command: command ?? null,
    });
  sayTable(sweepWeightsTable(points, advice));
  say();
  say(advice.sentence);
  if (command !== undefined) say(command);
  const known = points.filter(({ isKnown }) => isKnown).length;
  if (flags.quiet) return;
  if (known > 0) aside(`${known} of ${points.length} were scored before`);
  if (isQuick) aside("scored on a part of the test items; --eval full takes them all");
}

/** The one line that writes what a weight gives. */
function keepCommand(plan: SweepPlan, weight: number, runs: string | undefined): string {
  const words = ["merge", ...plan.mergeAt(weight).argv, ...(runs === undefined ? [] : ["--runs", runs]), "--out", "merged"];
  return [commandName(process.env), ...words.map(quoted)].join(" ");
}

const quoted = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

async function drawSweep(points: readonly ScoredWeight[], advice: SweepAdvice, out: string): Promise<void> {
  const { mergeSweepFigure } = await import("../report/merge-sweep-figure.ts");
  const figure = mergeSweepFigure(points, advice);
  if (figure) await drawTo(figure.svg, out);
  else aside("nothing to draw: no set was scored");
}
