import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
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

/** Reads result files, one JSON object each or one a line, and the .json files of folders. @throws {ClipBenchmarkError} */
export function readResults(places: readonly string[]): readonly ClipBenchmarkResult[] {
  return places.flatMap(filesAt).flatMap((file) => {
    const text = reading(file, () => readFileSync(file, "utf8"));
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const isList = lines.length > 1 && lines.every((line) => /^\s*\{.*\}\s*$/.test(line));
    return isList ? lines.map((line, i) => parseClipBenchmark(line, `${file}:${i + 1}`)) : [parseClipBenchmark(text, file)];
  });
}

function filesAt(place: string): readonly string[] {
  return reading(place, () => {
    if (!statSync(place).isDirectory()) return [place];
    const files = readdirSync(place).filter((name) => name.endsWith(".json"));
    if (files.length === 0) throw new Error("the folder has no .json file");
    return files.sort().map((name) => join(place, name));
  });
}

function reading<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ClipBenchmarkError(place, reasonOf(cause), cause);
  }
}
