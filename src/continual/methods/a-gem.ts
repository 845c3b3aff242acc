import { z } from "zod";
import { clampMax, clampMin } from "../../engine/elementwise.ts";
import { add, div, mul, sub, sum, to } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary:
    "Averaged gradient episodic memory: a step's gradient loses the part that would raise the loss of the batch's replayed rows. Needs a mixture with a share of the buffer.",
  source: "arXiv:1812.00420, eq. 11",
  when: "A buffer of earlier samples is replayed, and no step is to raise their loss.",
  cost: "One more forward and backward pass over the batch's replayed rows each step; nothing is kept.",
  options: z.strictObject({
    replay: z
      .enum(["constraint", "both"])
      .default("constraint")
      .describe("what replayed rows are for: constraint, the projection alone, as in the paper; both, the loss as well"),
  }),
  build: ({ replay }) => ({
    budget: { learns: "metered" },
    contrastive: (role) => role === "update" || role === "pretraining" || (role === "buffer" && replay === "both"),
    gradients(gradients, { rows, gradientsOf }) {
      const replayed = rows.flatMap(({ role }, i) => (role === "buffer" ? [i] : []));
      return replayed.length === 0 ? gradients : project(gradients, gradientsOf(replayed));
    },
  }),
});

/** g − min(g·r, 0)/(r·r) r over all parameters together: where g does not oppose r it stays, bit for bit. */
function project(gradients: Weights, reference: Weights): Weights {
  const product = dot(gradients, reference);
  const length = dot(reference, reference);
  if (!product || !length) return gradients;
  // A reference of length zero opposes nothing. Tensors throughout: on shapes alone nobody could choose.
  const share = div(clampMax(product, 0), clampMin(length, 2 ** -126));
  return new Map(
    [...gradients].map(([name, gradient]) => {
      const other = reference.get(name);
      return [name, other ? scope(() => sub(to(gradient, "float32"), mul(to(other, "float32"), share))) : gradient];
    }),
  );
}

/** Product over the parameters that both hold; undefined where they share none. */
function dot(a: Weights, b: Weights): Tensor | undefined {
  const terms = [...a].flatMap(([name, value]) => {
    const other = b.get(name);
    return other ? [scope(() => sum(mul(to(value, "float32"), to(other, "float32"))))] : [];
  });
  return terms.length > 0 ? terms.reduce((x, y) => add(x, y)) : undefined;
}
