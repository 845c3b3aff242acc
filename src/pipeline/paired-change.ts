import { join } from "node:path";
import type { DataSource } from "../data/source.ts";
import { pairedBootstrap, type SetOutcomes } from "../evaluation/bootstrap.ts";
import { readItems } from "../runs/items.ts";
import type { Measurement } from "../runs/measurement.ts";
import type { EvaluationView } from "../runs/view.ts";
import { createRandom } from "../util/random.ts";
import { outcomesOf } from "./evaluate.ts";

/** Two evaluations of one run and the data they were made on. */
export interface EvaluationPair {
  readonly folder: string;
  readonly seed: number;
  readonly sources: readonly DataSource[];
  readonly before: EvaluationView;
  readonly after: EvaluationView;
}

/** Change of the mean over `sets` from one evaluation to the other, by paired bootstrap over stored outcomes; undefined where some are missing. */
export function pairedChange(pair: EvaluationPair, sets: readonly string[]): Pick<Measurement, "value" | "interval"> | undefined {
  const outcomes = (row: EvaluationView): SetOutcomes[] => sets.flatMap((set) => storedOutcomes(pair, row, set) ?? []);
  const [a, b] = [outcomes(pair.after), outcomes(pair.before)];
  if (sets.length === 0 || a.length !== sets.length || b.length !== sets.length) return undefined;
  const spread = pairedBootstrap(createRandom(pair.seed), { a, b });
  return spread && { value: spread.value, ...(spread.interval ? { interval: spread.interval } : {}) };
}

function storedOutcomes({ folder, sources }: EvaluationPair, row: EvaluationView, set: string): SetOutcomes | undefined {
  const source = sources.find(({ name }) => name === set);
  const stored = row.cells[set]?.measurements.flatMap(({ metric, items }) => (items === undefined ? [] : [{ metric, items }])) ?? [];
  if (!source || stored.length === 0) return undefined;
  const outcomes = stored.map(({ metric, items }) => ({ metric, flags: readItems(join(folder, items)) }));
  // The evaluator's order: images finding captions, then captions finding images.
  return outcomesOf(source, { outcomes: outcomes.sort((x, y) => y.metric.localeCompare(x.metric)) });
}
