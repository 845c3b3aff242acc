import { join } from "node:path";
import type { DataSource } from "../data/source.ts";
import { pairedBootstrap, type SetOutcomes } from "../evaluation/bootstrap.ts";
import { readItems } from "../runs/items.ts";
import type { Measurement } from "../runs/measurement.ts";
import type { EvaluationView } from "../runs/view.ts";
import { createRandom } from "../util/random.ts";
import { outcomesOf } from "./evaluate.ts";

/** One evaluation of a run: a row of its matrix, and the folder where the outcomes of its items lie. */
export interface StoredEvaluation {
  readonly folder: string;
  readonly row: EvaluationView;
}

/** Two evaluations over the same data, of one run or of two. */
export interface EvaluationPair {
  readonly seed: number;
  readonly sources: readonly DataSource[];
  readonly before: StoredEvaluation;
  readonly after: StoredEvaluation;
}

/**
 * Change of the mean over `sets` from one evaluation to the other, by paired bootstrap over stored outcomes: both see the same resampled items.
 * Undefined where outcomes are missing or were counted over other items.
 */
export function pairedChange(pair: EvaluationPair, sets: readonly string[]): Pick<Measurement, "value" | "interval"> | undefined {
  const outcomes = (of: StoredEvaluation): SetOutcomes[] => sets.flatMap((set) => storedOutcomes(of, set, pair.sources) ?? []);
  const [a, b] = [outcomes(pair.after), outcomes(pair.before)];
  if (sets.length === 0 || a.length !== sets.length || b.length !== sets.length) return undefined;
  if (a.some(({ items }, i) => items !== b[i]?.items)) return undefined;
  const spread = pairedBootstrap(createRandom(pair.seed), { a, b });
  return spread && { value: spread.value, ...(spread.interval ? { interval: spread.interval } : {}) };
}

/** A set's outcomes as an evaluation stored them; undefined where it stored none, or the set is not among `sources`. */
export function storedOutcomes({ folder, row }: StoredEvaluation, set: string, sources: readonly DataSource[]): SetOutcomes | undefined {
  const source = sources.find(({ name }) => name === set);
  const stored = row.cells[set]?.measurements.flatMap(({ metric, items }) => (items === undefined ? [] : [{ metric, items }])) ?? [];
  if (!source || stored.length === 0) return undefined;
  const outcomes = stored.map(({ metric, items }) => ({ metric, flags: readItems(join(folder, items)) }));
  // The evaluator's order: images finding captions, then captions finding images.
  return outcomesOf(source, { outcomes: outcomes.sort((x, y) => y.metric.localeCompare(x.metric)) });
}
