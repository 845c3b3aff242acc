import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DataError } from "../data/data-error.ts";
import { delimitedRows } from "../data/delimited.ts";
import { openSources } from "../data/open-sources.ts";
import type { DataSource } from "../data/source.ts";
import type { ConceptScores } from "../pipeline/scores-file.ts";
import { trainable } from "../pipeline/stream-source.ts";
import { nameCounts } from "../streams/word-counts.ts";
import { UsageError } from "../util/errors.ts";
import { parse, storeFlags, wholeNumber } from "./command.ts";
import { ProgressLine, terminalStage } from "./data-progress.ts";
import { findModelFile, modelReferenceHelp } from "./model-reference.ts";
import { counted, fromHere, say, sayJson } from "./output.ts";
import { checkOutput } from "./output-file.ts";
import { splitReferences } from "./references.ts";

export const usage = {
  synopsis: "stream score --from SOURCE … --out FILE.safetensors [options]",
  about: [
    "Scores concepts for the orders that need it, and writes one file for stream.scores.",
    "--model makes text embeddings (similarity) and, with --pool, matching losses (performance). Results are cached by model and data.",
    "--captions counts class names in the captions of some data, --counts takes them from a table of name and count (frequency).",
  ].join("\n"),
  flags: {
    from: { type: "string", value: "SOURCE", multiple: true, help: "data with the concepts; repeatable" },
    out: { type: "string", value: "FILE", short: "o", help: "the file of scores" },
    model: { type: "string", value: "MODEL", short: "m", help: modelReferenceHelp },
    arch: { type: "string", help: "architecture, where the weights leave a choice" },
    pool: { type: "string", value: "SOURCE", multiple: true, help: "pairs that a concept's own are told apart from" },
    captions: { type: "string", value: "SOURCE", multiple: true, help: "data in whose captions class names are counted" },
    counts: { type: "string", value: "TABLE", help: "a TSV file: a name and its count in each line" },
    pairs: { type: "string", value: "N", help: "pairs of a concept, default 50" },
    distractors: { type: "string", value: "N", help: "pairs of the pool, default 50" },
    over: {
      type: "string",
      value: "WHAT",
      choices: ["concept", "all"],
      help: "average over the concept's pairs (default), or all as the paper does",
    },
    precision: { type: "string", choices: ["fp32", "bf16"], help: "default fp32" },
    "batch-size": { type: "string", value: "N", help: "rows computed at a time, default 64" },
    seed: { type: "string", value: "N", help: "default 0" },
    runs: storeFlags.runs,
  },
} as const;

type Flags = NonNullable<ReturnType<typeof parse<typeof usage.flags>>>["flags"];

/** `evergreen stream score`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags } = parsed;
  if (flags.out === undefined) throw new UsageError("no file to write", "--out FILE.safetensors");
  if (flags.model === undefined && flags.captions === undefined && flags.counts === undefined)
    throw new UsageError("nothing to score with", "--model MODEL, --captions SOURCE or --counts TABLE");
  const out = resolve(flags.out);
  checkOutput(out);
  const sets = trainable(await opened(flags.from));
  if (sets.length === 0) throw new UsageError("no concepts", "--from SOURCE: data with training samples");
  const concepts = sets.flatMap((set) => set.concepts());
  const names = concepts.map(({ name }) => name);
  const frequency = await frequencies(names, flags);
  const made = flags.model === undefined ? { concepts: concepts.map(({ id }) => id), about: {} } : await byModel(sets, flags.model, flags);
  const scores: ConceptScores = { ...made, ...(frequency ? { frequency } : {}) };
  const { writeScores } = await import("../pipeline/scores-file.ts");
  await writeScores(out, scores);
  const facts = {
    file: out,
    concepts: scores.concepts.length,
    scores: [
      ...(scores.text ? ["text embeddings"] : []),
      ...(scores.matchingLoss ? ["matching loss"] : []),
      ...(frequency ? ["frequency"] : []),
    ],
  };
  if (flags.json) sayJson(facts);
  else say(`${fromHere(out)}: ${facts.scores.join(", ")} of ${counted(facts.concepts, "concept")}`);
  return 0;
}

async function opened(references: readonly string[] | undefined): Promise<readonly DataSource[]> {
  return (await Promise.all(splitReferences(references ?? []).map((each) => openSources(each, process.cwd())))).flat();
}

async function byModel(sets: readonly DataSource[], model: string, flags: Flags): Promise<Omit<ConceptScores, "frequency">> {
  const path = findModelFile(model, flags.runs);
  const [{ loadForUse }, { scoreConcepts }, { weightsDigest }, { openModelFolder }] = await Promise.all([
    import("../pipeline/encode.ts"),
    import("../pipeline/score-concepts.ts"),
    import("../pipeline/model-source.ts"),
    import("../models/model-folder.ts"),
  ]);
  const arch = flags.arch === undefined ? {} : { arch: flags.arch };
  const digest = await weightsDigest((await openModelFolder(path, arch)).files);
  const loaded = await loadForUse(path, { ...arch, env: process.env });
  const line = new ProgressLine(terminalStage());
  const pool = flags.pool === undefined ? {} : { pool: await opened(flags.pool) };
  const number = (name: "pairs" | "distractors" | "batch-size" | "seed", otherwise: number, least = 1): number =>
    flags[name] === undefined ? otherwise : wholeNumber(name, flags[name], least);
  try {
    return await scoreConcepts(sets, {
      loaded,
      digest,
      precision: flags.precision === "bf16" ? "bf16" : "fp32",
      batchSize: number("batch-size", 64),
      seed: number("seed", 0, 0),
      pairs: number("pairs", 50),
      distractors: number("distractors", 50),
      over: flags.over === "all" ? "all" : "concept",
      env: process.env,
      ...pool,
      ...(flags.quiet || flags.json
        ? {}
        : { onProgress: (set, done, total) => line.show(`scoring ${set}`, { done, total, unit: "concepts" }) }),
    });
  } finally {
    line.end();
  }
}

async function frequencies(names: readonly string[], flags: Flags): Promise<readonly (number | null)[] | undefined> {
  if (flags.counts !== undefined) {
    if (!statSync(flags.counts, { throwIfNoEntry: false })?.isFile())
      throw new DataError(`${flags.counts}: there is no such file`, {
        fix: "--counts TABLE: a TSV file, a name and its count in each line",
      });
    const table = new Map<string, number>();
    for await (const { fields } of delimitedRows(flags.counts, "\t")) {
      const [name, count] = [fields[0] ?? "", Number(fields[1])];
      if (Number.isFinite(count)) table.set(name, count);
    }
    return names.map((name) => table.get(name) ?? null);
  }
  if (flags.captions === undefined) return undefined;
  const corpus = await opened(flags.captions);
  return nameCounts(
    names,
    corpus.flatMap((set) => set.records("train").flatMap(({ captions }) => captions)),
  );
}
