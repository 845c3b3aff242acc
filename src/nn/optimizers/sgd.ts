import { z } from "zod";
import { contiguous, copyInto, fusedSgd, mul, to } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { beta, zeroMoments } from "../moments.ts";
import type { OptimizerDefinition, Slot } from "../optimizer.ts";

const options = z.strictObject({ momentum: beta.default(0.9).describe("what a step keeps of the steps before it") });

/** Gradient descent with momentum; decay is added to the gradient, as torch.optim.SGD does. */
const sgd: OptimizerDefinition<typeof options> = {
  summary: "Stochastic gradient descent with momentum.",
  source: "Sutskever et al., ICML 2013, in PyTorch's form",
  options,
  init: (weights) => ({ momentum_buffer: zeroMoments(weights) }),
  step(slots, gradients, state, at) {
    for (const group of groupsOf(slots)) {
      const [first] = group;
      if (first === undefined) continue;
      const { learningRate, decay } = slots[first] as Slot;
      scope(() => {
        const members = group.map((i) => slots[i] as Slot);
        fusedSgd({
          weights: members.map((slot) => slot.weight),
          gradients: group.map((i) => contiguous(mul(to(gradients[i] as Tensor, "float32"), at.scale))),
          momenta: members.map(({ name }) => state.momentum_buffer?.get(name) as Tensor),
          rate: learningRate,
          decay,
          momentum: at.options.momentum,
          isFirst: at.step === 1,
        });
        for (const { weight, copy } of members) if (copy) copyInto(copy, weight);
      });
    }
  },
};
export default sgd;

/** Places of the slots that share rate and decay. */
function groupsOf(slots: readonly Slot[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  slots.forEach(({ learningRate, decay }, i) => {
    const key = `${learningRate} ${decay}`;
    const members = groups.get(key);
    if (members) members.push(i);
    else groups.set(key, [i]);
  });
  return [...groups.values()];
}
