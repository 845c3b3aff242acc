import { z } from "zod";
import { fusedAdamW, zerosLike } from "../../engine/ops.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import type { OptimizerDefinition } from "../optimizer.ts";

const options = z.strictObject({
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.999])
    .describe("of the running means of gradients and of their squares"),
  eps: z.number().positive().default(1e-8).describe("added to the root of the mean square"),
});

/** Adam with decoupled weight decay; one pass over memory for all parameters. */
const adamw: OptimizerDefinition<typeof options> = {
  summary: "Adam with decoupled weight decay.",
  source: "arXiv:1711.05101, algorithm 2",
  options,
  init: (weights) => ({ exp_avg: zeroed(weights), exp_avg_sq: zeroed(weights) }),
  step(slots, gradients, state, at) {
    const moments = (kind: string): Tensor[] => slots.map(({ name }) => state[kind]?.get(name) as Tensor);
    fusedAdamW({
      weights: slots.map((slot) => slot.weight),
      gradients,
      first: moments("exp_avg"),
      second: moments("exp_avg_sq"),
      copies: slots.map((slot) => slot.copy ?? null),
      rates: slots.map((slot) => slot.learningRate),
      decays: slots.map((slot) => slot.decay),
      betas: at.options.betas,
      epsilon: at.options.eps,
      step: at.step,
      scale: at.scale,
    });
  },
};
export default adamw;

function zeroed(weights: Weights): Weights {
  return new Map([...weights].map(([name, weight]) => [name, zerosLike(weight)]));
}
