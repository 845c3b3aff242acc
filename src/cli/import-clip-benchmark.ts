import { type ClipBenchmarkResult, registeredName } from "../pipeline/clip-benchmark.ts";
import type { Table } from "../report/table.ts";
import { exitCodes } from "../util/errors.ts";
import { parse, storeFlags } from "./command.ts";
import { sayJson, sayTable } from "./output.ts";
import { openStore } from "./places.ts";
import { readResults } from "./result-files.ts";

export const usage = {
  synopsis: "import clip-benchmark FILE|FOLDER … [--beside RUN]",
  about:
    "Reads result files of CLIP_benchmark, a folder's .json files among them, and prints their main metric, a line a data set under the name it has here, a column a model. With --beside RUN the run's last evaluation is a column as well. Prompts, class names and splits may differ where names agree.",
  flags: {
    ...storeFlags,
    beside: { type: "string", value: "RUN", help: "a run whose last evaluation stands beside them" },
  },
  arguments: [1, 4096],
} as const;

/** `evergreen import clip-benchmark`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const read = readResults(rest).map((result) => ({ ...result, dataset: registeredName(result.dataset) }));
  const { runResults } = await import("./run-export.ts");
  const own = flags.beside === undefined ? [] : await runResults(openStore(flags.runs).find(flags.beside, flags.project));
  const results = [...read, ...own];
  if (flags.json) sayJson({ results });
  else sayTable(benchmarkTable(results));
  const conflicts = conflictsIn(results);
  if (conflicts.length > 0 && !flags.quiet) process.stderr.write(`given twice, the last stands: ${conflicts.join(", ")}\n`);
  if (!flags.json && own.length > 0 && !flags.quiet) process.stderr.write("names agree; prompts, class names and splits may not\n");
  return exitCodes.done;
}

/** The main metric of a result: accuracy, or recall@5 both ways. */
export function mainMetric({
  metrics,
}: Pick<ClipBenchmarkResult, "metrics">): { readonly name: string; readonly value: number } | undefined {
  const { acc1, "image_retrieval_recall@5": image, "text_retrieval_recall@5": text } = metrics;
  if (acc1 !== undefined) return { name: "acc1", value: acc1 };
  return image === undefined || text === undefined ? undefined : { name: "retrieval_recall@5", value: (image + text) / 2 };
}

const modelOf = ({ model, pretrained }: ClipBenchmarkResult): string => (pretrained === "" ? model : `${model} ${pretrained}`);
const lineOf = ({ dataset, task, language }: ClipBenchmarkResult): string => `${dataset}\n${task}\n${language}`;

/** One line a data set, task and language; one column a model; per cent. */
export function benchmarkTable(results: readonly ClipBenchmarkResult[]): Table {
  const models = [...new Set(results.map(modelOf))];
  const lines = [...new Set(results.map(lineOf))].sort();
  const cells = new Map(results.map((result) => [`${lineOf(result)}\n${modelOf(result)}`, mainMetric(result)]));
  const languages = new Set(results.map(({ language }) => language));
  const hasLanguages = languages.size > 1;
  return {
    columns: [
      { title: "set" },
      { title: "task" },
      ...(hasLanguages ? [{ title: "language" }] : []),
      { title: "metric" },
      ...models.map((title) => ({ title, align: "right" as const })),
    ],
    rows: lines.map((line) => {
      const [dataset, task, language] = line.split("\n");
      const own = models.map((model) => cells.get(`${line}\n${model}`));
      return [
        dataset,
        task,
        ...(hasLanguages ? [language] : []),
        own.find((cell) => cell)?.name,
        ...own.map((cell) => (cell ? (100 * cell.value).toFixed(1) : undefined)),
      ];
    }),
  };
}

function conflictsIn(results: readonly ClipBenchmarkResult[]): readonly string[] {
  const seen = new Set<string>();
  return [
    ...new Set(
      results.flatMap((result) => {
        const key = `${lineOf(result)}\n${modelOf(result)}`;
        const known = seen.has(key);
        seen.add(key);
        return known ? [`${result.dataset} of ${modelOf(result)}`] : [];
      }),
    ),
  ];
}
