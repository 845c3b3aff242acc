import { type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import type { ClipConfig } from "../models/architecture.ts";
import { weightsReader } from "./entry-reader.ts";
import type { TowerGrowth } from "./guard.ts";
import { placementOf } from "./placement.ts";
import { allBytes, type MergeSettings, planMerge } from "./planned-merge.ts";

/** Weights in memory that are merged, oldest model first. */
export interface WeightsToMerge {
  readonly config: ClipConfig;
  /** Undefined where no operator needs it. */
  readonly base?: Weights;
  readonly models: readonly Weights[];
  /** One a model, for the operators that need them. */
  readonly statistics?: readonly Weights[];
}

/**
 * The merged weights, float32, of the tensors that the models hold; none of the inputs is written to.
 * Tensors belong to the current scope.
 */
export function mergeWeights(
  { config, base, models, statistics }: WeightsToMerge,
  settings: MergeSettings,
): { readonly weights: Weights; readonly growth: readonly TowerGrowth[]; readonly notes: readonly string[] } {
  const placed = placementOf(config).filter(({ name }) => models[0]?.has(name) === true);
  const merge = planMerge(
    placed,
    {
      base: base && weightsReader(base),
      models: models.map(weightsReader),
      ...(statistics ? { statistics: statistics.map(weightsReader) } : {}),
    },
    settings,
  );
  const weights = new Map(
    merge.outputs.map((output): [string, Tensor] => [
      output.name,
      tensor(allBytes(output, "float32"), output.shape, output.isCounter ? "int64" : "float32"),
    ]),
  );
  return { weights, growth: merge.growth(), notes: merge.notes };
}
