import { readFileSync } from "node:fs";
import { z } from "zod";
import { evaluators } from "../evaluation/evaluator.ts";
import type { ResultRow } from "../runs/rows.ts";
import { EvergreenError } from "../util/errors.ts";
import { groupBy } from "../util/group-by.ts";
import { issueText } from "../util/issues.ts";

/** One result file of CLIP_benchmark: one model on one data set. */
export interface ClipBenchmarkResult {
  readonly dataset: string;
  readonly model: string;
  readonly pretrained: string;
  /** `zeroshot_classification`, `zeroshot_retrieval`, `linear_probe`, or another of its tasks. */
  readonly task: string;
  /** Shares, and what a probe was made with. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly language: string;
}

/** A file that is not a result of CLIP_benchmark. */
export class ClipBenchmarkError extends EvergreenError {
  constructor(file: string, message: string, cause?: unknown) {
    super(`${file}: ${message}`, { code: "EG-4610", exit: "data", fix: "give JSON files that clip_benchmark eval wrote", cause });
  }
}

const schema = z.object({
  dataset: z.string().min(1),
  model: z.string().min(1),
  pretrained: z.string(),
  task: z.string().min(1),
  metrics: z.record(z.string(), z.union([z.number(), z.null(), z.string()])),
  language: z.string().default("en"),
});

/** Names of its data sets that are registered here under another one. */
const names = JSON.parse(readFileSync(new URL("./clip-benchmark-names.json", import.meta.url), "utf8")) as Readonly<Record<string, string>>;

/**
 * Reads a result file. Python writes an accuracy that says nothing as NaN, which is no JSON: such a metric is left out, and what is no number as well.
 * @throws {ClipBenchmarkError}
 */
export function parseClipBenchmark(text: string, file: string): ClipBenchmarkResult {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/([:[,]\s*)(?:NaN|-?Infinity)(?=\s*[,\]}])/g, "$1null"));
  } catch (cause) {
    throw new ClipBenchmarkError(file, "is not JSON", cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ClipBenchmarkError(file, issueText(parsed.error));
  const { metrics, ...rest } = parsed.data;
  return {
    ...rest,
    metrics: Object.fromEntries(Object.entries(metrics).filter(([, metric]) => typeof metric === "number")) as Record<string, number>,
  };
}

/** The name a data set has here: `wds/vtab/pets` is `oxford_pets`; one that is not known keeps its last part. */
export function registeredName(dataset: string): string {
  const own = dataset.split("/").at(-1) ?? dataset;
  return Object.hasOwn(names, own) ? (names[own] ?? own) : own;
}

/** Results of one evaluation of a run, one a data set, in the order they were measured. */
export async function toClipBenchmark(
  rows: readonly ResultRow[],
  model: Pick<ClipBenchmarkResult, "model" | "pretrained">,
): Promise<readonly ClipBenchmarkResult[]> {
  const groups = groupBy(rows, ({ dataset, evaluator }) => `${dataset}\n${evaluator}`);
  return Promise.all(
    [...groups.values()].map(async ([first, ...others]): Promise<ClipBenchmarkResult> => {
      if (!first) throw new Error("internal: a group without a row");
      const { benchmark } = await evaluators.load(first.evaluator);
      const shares = [first, ...others].flatMap(({ metric, value }) => {
        const name = benchmark.metrics[metric];
        return name === undefined ? [] : [[name, value] as const];
      });
      const { settings = {} } = first;
      const numbers = Object.entries(settings).filter((each): each is [string, number] => typeof each[1] === "number");
      return {
        dataset: first.dataset,
        ...model,
        task: benchmark.task,
        metrics: Object.fromEntries([...shares, ...numbers]),
        language: "en",
      };
    }),
  );
}

/** The file name that CLIP_benchmark's documentation suggests, safe on any file system. */
export function clipBenchmarkFile({ dataset, pretrained, model, language, task }: ClipBenchmarkResult): string {
  return `${[dataset, pretrained, model, language, task].map((part) => part.replace(/[^A-Za-z0-9._@+-]/g, "-")).join("_")}.json`;
}
