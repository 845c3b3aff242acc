import { keep, release, scope } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";
import { type Clip, type ComputeWeights, computeWeights, type Precision } from "../models/clip.ts";

/** Work under other weights than those of a model in training, without its adapters; copies in the precision of the run live as long as the work. */
export async function withWeights<Result>(
  { adapters: _, ...model }: Clip,
  weights: Weights,
  precision: Precision,
  work: (compute: ComputeWeights) => Promise<Result>,
): Promise<Result> {
  const own = new Set(weights.values());
  const compute = scope(() => {
    const made = computeWeights({ ...model, weights }, precision);
    keep([...made.weights.values()].filter((each) => !own.has(each)));
    return made;
  });
  try {
    return await work(compute);
  } finally {
    release([...compute.weights.values()].filter((each) => !own.has(each)));
  }
}
