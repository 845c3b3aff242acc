import { z } from "zod";
import { fusedAdamW } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { beta, zeroMoments } from "../moments.ts";
import type { OptimizerDefinition } from "../optimizer.ts";

const options = z.strictObject({
  betas: z.tuple([beta, beta]).default([0.9, 0.999]).describe("of the running means of gradients and of their squares"),
  eps: z.number().positive().default(1e-8).describe("added to the root of the mean square"),
});

/** Adam with decoupled weight decay; one pass over memory for all parameters. */
const adamw: OptimizerDefinition<typeof options> = {
  summary: "Adam with decoupled weight decay.",
  source: "arXiv:1711.05101, algorithm 2",
  options,
  init: (weights) => ({ exp_avg: zeroMoments(weights), exp_avg_sq: zeroMoments(weights) }),
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
