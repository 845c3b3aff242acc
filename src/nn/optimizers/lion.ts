import { z } from "zod";
import { sign } from "../../engine/elementwise.ts";
import { addInto, lerpInto, scaleInto } from "../../engine/in-place.ts";
import { copyInto, lerp, mul, to } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { beta, zeroMoments } from "../moments.ts";
import type { OptimizerDefinition } from "../optimizer.ts";

const options = z.strictObject({
  betas: z.tuple([beta, beta]).default([0.9, 0.99]).describe("of the momentum in a step's direction, and of the momentum that is kept"),
});

/** Steps of one size by the sign of an interpolated momentum; half of Adam's memory. Wants a rate 3 to 10 times smaller than AdamW's and a decay as much larger. */
const lion: OptimizerDefinition<typeof options> = {
  summary: "The sign of momentum, with decoupled weight decay.",
  source: "arXiv:2302.06675, program 1",
  options,
  init: (weights) => ({ exp_avg: zeroMoments(weights) }),
  step(slots, gradients, state, at) {
    const [first, second] = at.options.betas;
    slots.forEach(({ name, weight, copy, learningRate, decay }, i) => {
      scope(() => {
        const momentum = state.exp_avg?.get(name) as Tensor;
        const gradient = mul(to(gradients[i] as Tensor, "float32"), at.scale);
        const direction = sign(lerp(momentum, gradient, 1 - first));
        scaleInto(weight, 1 - learningRate * decay);
        addInto(weight, direction, -learningRate);
        lerpInto(momentum, gradient, 1 - second);
        if (copy) copyInto(copy, weight);
      });
    });
  },
};
export default lion;
