// An optimizer: it moves weights in place. Rate, decay and clipping are every optimizer's and come with the call.
//
//   optim: {name: signum, lr: 1e-5, wd: 0.2, momentum: 0.9}

import { beta, elementwise, inPlace, ops, scope, z, zeroMoments } from "evergreen";

export default {
  summary: "The sign of a running mean of gradients: every entry moves as far; one moment, half of Adam's memory.",
  source: "arXiv:1802.04434, algorithm 2, with decoupled weight decay",
  options: z.strictObject({ momentum: beta.default(0.9).describe("what the mean of gradients keeps of its past at each step") }),
  // Moments by kind and weight. A checkpoint holds them, so that a run goes on to the same bits.
  init: (weights) => ({ exp_avg: zeroMoments(weights) }),
  step(slots, gradients, state, { scale, options: { momentum } }) {
    // What is made inside of a scope is freed at its end: no step holds more than one weight's tensors.
    for (const [i, { name, weight, copy, learningRate, decay }] of slots.entries())
      scope(() => {
        const mean = state.exp_avg.get(name);
        inPlace.lerpInto(mean, ops.mul(ops.to(gradients[i], "float32"), scale), 1 - momentum);
        inPlace.scaleInto(weight, 1 - learningRate * decay);
        inPlace.addInto(weight, elementwise.sign(mean), -learningRate);
        // The bfloat16 copy that the forward pass reads, where the run has one.
        if (copy) ops.copyInto(copy, weight);
      });
  },
};
