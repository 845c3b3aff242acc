import { type ClipBenchmarkResult, toClipBenchmark } from "../pipeline/clip-benchmark.ts";
import { csvTable, latexTable, measurementTable } from "../report/export-tables.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { type RunView, viewOf } from "../runs/view.ts";
import { EvergreenError } from "../util/errors.ts";
import { matrixTable } from "./run-matrix.ts";

/** Every measurement of a run. */
export function runCsv(reader: RunReader): string {
  const { evaluations } = scoredView(reader);
  return csvTable(measurementTable(reader.results(), evaluations));
}

/** The matrix of sets by tasks. */
export function runLatex(reader: RunReader, intervals: boolean): string {
  return latexTable(matrixTable(scoredView(reader), intervals));
}

/** The last evaluation as CLIP_benchmark's results; `pretrained` names the run and its step. */
export async function runResults(reader: RunReader): Promise<readonly ClipBenchmarkResult[]> {
  const last = scoredView(reader).evaluations.at(-1);
  const rows = reader.results().filter(({ task, s, state }) => task === last?.task && s === last.step && state === last.state);
  const model = { model: reader.plan().model.arch, pretrained: `${reader.record().id}@${last?.step ?? 0}` };
  return toClipBenchmark(rows, model);
}

/** @throws {EvergreenError} for a run that was not evaluated yet. */
function scoredView(reader: RunReader): RunView {
  const view = viewOf(reader.events(), reader.plan());
  if (view.evaluations.length > 0) return view;
  throw new EvergreenError(`${reader.record().id} has no evaluation yet`, {
    code: "EG-4611",
    exit: "data",
    fix: "let it reach its first one, or give it an eval.suite",
  });
}
