import { z } from "zod";
import { clampMin } from "../../engine/elementwise.ts";
import { addInto, lerpInto, scaleInto } from "../../engine/in-place.ts";
import { blendProduct } from "../../engine/linear-algebra.ts";
import { copyInto, div, globalNorm, lerp, matmul, mul, transpose } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { divide, isHiddenMatrix, moveChosen } from "../matrices.ts";
import { beta, zeroMoments } from "../moments.ts";
import type { OptimizerDefinition, Slot } from "../optimizer.ts";
import adamw from "./adamw.ts";

const options = z.strictObject({
  momentum: beta.default(0.95).describe("of the running mean of gradients that is made orthogonal"),
  nesterov: z.boolean().default(true).describe("the gradient goes into the direction once more, beside the momentum"),
  nsSteps: z.int().min(1).max(99).default(5).describe("rounds of Newton and Schulz's iteration"),
  scale: z
    .enum(["match-adamw", "original"])
    .default("match-adamw")
    .describe("of a matrix's step by its sides: as large as AdamW's, or as first published"),
  betas: z.tuple([beta, beta]).default([0.9, 0.95]).describe("of AdamW, for what is no matrix inside of a tower"),
  eps: z.number().positive().default(1e-8).describe("of AdamW"),
});
type Options = z.output<typeof options>;

/** Coefficients of the quintic map; five nsSteps bring singular values into about 0.7 … 1.2. */
const [a, b, c] = [3.4445, -4.775, 2.0315];

/** The momentum of each matrix inside of a tower, made orthogonal; AdamW for norms, biases, tables, the patch convolution and what leads out of the towers. */
const muon: OptimizerDefinition<typeof options> = {
  summary: "Momentum made orthogonal by Newton and Schulz's iteration for matrices, AdamW for all else.",
  source: "Jordan et al., Muon, 2024; scale and decay of arXiv:2502.16982, eq. 4",
  options,
  init(weights, chosen) {
    const { chosen: hidden, others } = divide(weights, isHiddenMatrix);
    return { ...adamw.init(others, chosen), momentum_buffer: zeroMoments(hidden) };
  },
  step(slots, gradients, state, at) {
    const others = moveChosen(slots, gradients, isHiddenMatrix, (slot, gradient) =>
      turn(slot, mul(gradient, at.scale), state.momentum_buffer?.get(slot.name) as Tensor, at.options),
    );
    adamw.step(others.slots, others.gradients, state, at);
  },
};
export default muon;

function turn(
  { weight, copy, learningRate, decay }: Slot,
  gradient: Tensor,
  momentum: Tensor,
  { momentum: keep, nesterov, nsSteps, scale }: Options,
): void {
  lerpInto(momentum, gradient, 1 - keep);
  const direction = orthogonal(nesterov ? lerp(gradient, momentum, keep) : momentum, nsSteps);
  const [rows = 0, columns = 0] = weight.shape;
  const size = scale === "original" ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
  scaleInto(weight, 1 - learningRate * decay);
  addInto(weight, direction, -learningRate * size);
  if (copy) copyInto(copy, weight);
}

/** Nearly the orthogonal factor of a matrix: X ← aX + (bA + cA²)X with A = XXᵀ, along the shorter side. */
function orthogonal(matrix: Tensor, nsSteps: number): Tensor {
  const [rows = 0, columns = 0] = matrix.shape;
  const isTall = rows > columns;
  let x = isTall ? transpose(matrix, 0, 1) : matrix;
  x = div(x, clampMin(globalNorm([matrix]), 1e-7));
  for (let round = 0; round < nsSteps; round++) {
    const last = x;
    x = scope(() => {
      const gram = matmul(last, transpose(last, 0, 1));
      return blendProduct(last, blendProduct(gram, gram, gram, { keep: b, scale: c }), last, { keep: a, scale: 1 });
    });
  }
  return isTall ? transpose(x, 0, 1) : x;
}
