import { z } from "zod";
import { onOneThread, singularValues } from "../../engine/linear-algebra.ts";
import { concat, divNumber, matmul, mulNumber, reshape, slice } from "../../engine/ops.ts";
import { readFloats, type Tensor } from "../../engine/tensor.ts";
import { sumOfVectors } from "../fold.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import type { MergeOperator } from "../operator.ts";

const options = z.strictObject({ lambda: lambdaOption });

export default {
  summary: "The sum of the task vectors with all singular values of a linear layer made equal; the mean for other tensors.",
  source: "arXiv:2502.04959, algorithm 1 (Iso-C); fused queries, keys and values are taken apart",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  whole: ({ layers }) => layers > 0,
  passes: () => 1,
  merge: (input, { lambda }) => {
    const { layers, shape } = input.tensor;
    const total = sumOfVectors(input);
    if (layers === 0) return fromBase(input, divNumber(total, input.count), lambda);
    const rows = (shape[0] ?? 0) / layers;
    const matrix = reshape(total, shape);
    const parts = onOneThread(() => Array.from({ length: layers }, (_, k) => isotropic(slice(matrix, 0, k * rows, (k + 1) * rows))));
    return fromBase(input, reshape(concat(parts, 0), [input.size]), lambda);
  },
} satisfies MergeOperator<typeof options>;

/** σ̄·U Vᵀ with σ̄ the mean singular value. */
function isotropic(matrix: Tensor): Tensor {
  const { u, s, vt } = singularValues(matrix);
  const values = readFloats(s);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return mulNumber(matmul(u, vt), mean);
}
