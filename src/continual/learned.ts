import type { Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import type { TaskContext } from "./method.ts";

/** A model's weights and those of what stands beside its layers, borrowed. */
export const allWeights = ({ weights, adapters }: Clip): Weights => (adapters ? new Map([...weights, ...adapters.weights]) : weights);

/** Those of them that learn in this run, borrowed. */
export const learnedWeights = ({ model, learns }: Pick<TaskContext, "model" | "learns">): Weights =>
  new Map([...allWeights(model)].filter(([name]) => learns(name)));
