import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { ClipBenchmarkResult } from "../pipeline/clip-benchmark.ts";
import { benchmarkTable, mainMetric } from "./import-clip-benchmark.ts";
import { readResults, writeResults } from "./result-files.ts";

const folder = mkdtempSync(join(tmpdir(), "results-"));
afterAll(() => rmSync(folder, { recursive: true }));

const result = (
  dataset: string,
  model: string,
  metrics: ClipBenchmarkResult["metrics"],
  more: Partial<ClipBenchmarkResult> = {},
): ClipBenchmarkResult => ({
  ...{ dataset, model, pretrained: "p", task: "zeroshot_classification", metrics, language: "en" },
  ...more,
});

test("the main metric is accuracy, or the mean of recall@5 both ways; half of a retrieval is none", () => {
  expect(mainMetric({ metrics: { acc1: 0.4, acc5: 0.9 } })).toEqual({ name: "acc1", value: 0.4 });
  expect(mainMetric({ metrics: { "image_retrieval_recall@5": 0.2, "text_retrieval_recall@5": 0.6 } })).toEqual({
    name: "retrieval_recall@5",
    value: 0.4,
  });
  expect(mainMetric({ metrics: { "image_retrieval_recall@5": 0.2 } })).toBeUndefined();
});

test("a line a set, a column a model, a dash where there is nothing; the language where there are two", () => {
  const results = [result("mnist", "a", { acc1: 0.5 }), result("mnist", "b", { acc1: 0.25 }), result("cifar10", "b", { acc1: 1 })];
  const table = benchmarkTable(results);
  expect(table.columns.map(({ title }) => title)).toEqual(["set", "task", "metric", "a p", "b p"]);
  expect(table.rows).toEqual([
    ["cifar10", "zeroshot_classification", "acc1", undefined, "100.0"],
    ["mnist", "zeroshot_classification", "acc1", "50.0", "25.0"],
  ]);
  const two = benchmarkTable([...results, result("mnist", "a", { acc1: 0.1 }, { language: "ar" })]);
  expect(two.rows.map((row) => row.slice(0, 3))).toEqual([
    ["cifar10", "zeroshot_classification", "en"],
    ["mnist", "zeroshot_classification", "ar"],
    ["mnist", "zeroshot_classification", "en"],
  ]);
});

test("files are written and read back as they were, one object each or one a line; a wrong one is named", () => {
  const results = [result("mnist", "a", { acc1: 1 / 3 }), result("x/y", "a", { acc1: 0 })];
  expect(readResults(writeResults(join(folder, "made"), results))).toEqual(results);
  expect(readResults([join(folder, "made")])).toHaveLength(2);
  expect(() => readResults([mkdtempSync(join(folder, "empty-"))])).toThrow("no .json file");
  const lines = join(folder, "lines.jsonl");
  writeFileSync(lines, `${results.map((each) => JSON.stringify(each)).join("\n")}\n`);
  expect(readResults([lines])).toEqual(results);
  writeFileSync(lines, `${JSON.stringify(results[0], undefined, 2)}\n`);
  expect(readResults([lines])).toEqual([results[0]]);
  expect(() => readResults([join(folder, "none.json")])).toThrow("none.json: ENOENT");
});
