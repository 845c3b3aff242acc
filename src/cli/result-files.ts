import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../data/data-error.ts";
import { ClipBenchmarkError, type ClipBenchmarkResult, clipBenchmarkFile, parseClipBenchmark } from "../pipeline/clip-benchmark.ts";
import { writeOutput } from "./output-file.ts";

/** Writes one file a result into a folder, which is made where it is missing, and gives their paths. */
export function writeResults(folder: string, results: readonly ClipBenchmarkResult[]): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return results.map((result) => {
    const path = join(folder, clipBenchmarkFile(result));
    writeOutput(path, [`${JSON.stringify(result)}\n`]);
    return path;
  });
}

/** Reads result files: one JSON object each, or one a line. @throws {ClipBenchmarkError} */
export function readResults(files: readonly string[]): readonly ClipBenchmarkResult[] {
  return files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      throw new ClipBenchmarkError(file, reasonOf(cause), cause);
    }
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const isList = lines.length > 1 && lines.every((line) => /^\s*\{.*\}\s*$/.test(line));
    return isList ? lines.map((line, i) => parseClipBenchmark(line, `${file}:${i + 1}`)) : [parseClipBenchmark(text, file)];
  });
}
