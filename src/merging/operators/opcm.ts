import { z } from "zod";
import { isAllFinite } from "../../engine/entries.ts";
import { onOneThread } from "../../engine/linear-algebra.ts";
import { add, mulNumber } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../engine/tensor.ts";
import { normOf } from "../angle.ts";
import { joined } from "../fold.ts";
import { MergeNumbersError } from "../guard.ts";
import type { MergeInput, MergeOperator } from "../operator.ts";
import { ProductSums } from "../products.ts";
import { outsideOf } from "../projection.ts";

const options = z.strictObject({
  alpha: z.number().min(0).max(1).default(0.5).describe("share of the singular values that earlier models keep to themselves"),
});

/** λ_T·Δ_T of every tensor with linear layers, and 1/λ_T. */
interface Plan {
  readonly sums: ReadonlyMap<string, Float32Array>;
  readonly scale: number;
}

/**
 * With X_t = λ_t·Δ_t the published steps Δ_t = (λ_{t−1}·Δ_{t−1} + P(τ_t))/λ_t become X_t = X_{t−1} + P(τ_t): singular vectors do not depend on λ,
 * so tensors are independent but for the last λ, and one model's weights are held.
 */
export default {
  summary: "Adds one model after another, each without what lies along the earlier ones, and keeps the length of a mean task vector.",
  source: "arXiv:2501.09522, algorithm 1",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "none",
  isSequential: true,
  usesBase: true,
  whole: ({ layers }) => layers > 0,
  passes: () => 2,
  plan: (tower, { alpha }): Plan =>
    scope(() => {
      const sums = new Map<string, Float32Array>();
      const length = new ProductSums(1);
      const vectors = Array.from({ length: tower.count }, () => new ProductSums(1));
      tower.visit((input) => {
        for (const [i, each] of vectors.entries()) scope(() => each.add([finiteVector(input, i)], input.offset));
        const sum = projectedSum(input, alpha);
        if (input.tensor.layers > 0) sums.set(input.tensor.name, readFloats(sum));
        length.add([sum], input.offset);
        return undefined;
      });
      const mean = vectors.reduce((total, each) => total + normOf(each.value, 0), 0) / tower.count;
      const norm = normOf(length.value, 0);
      return { sums, scale: norm === 0 ? 0 : mean / norm };
    }),
  merge: (input, { alpha }, { sums, scale }) => {
    const known = sums.get(input.tensor.name);
    const sum = known ? tensor(known, [input.size], "float32") : projectedSum(input, alpha);
    return add(input.base(), mulNumber(sum, scale));
  },
} satisfies MergeOperator<typeof options, Plan>;

/** Its singular vectors are asked for before the result is looked at. @throws {MergeNumbersError} */
function finiteVector(input: MergeInput, i: number): Tensor {
  const vector = input.vector(i);
  if (!isAllFinite(vector)) throw new MergeNumbersError(`model ${i + 1} or the base`, input.tensor.name);
  return vector;
}

/** X_T = τ_1 + P_{X_1}(τ_2) + …, [size]. */
function projectedSum(input: MergeInput, alpha: number): Tensor {
  const { layers, shape } = input.tensor;
  return joined(
    input.count,
    (i) => input.vector(i),
    (sum, vector) => add(sum, layers > 0 ? onOneThread(() => outsideOf(sum, vector, { shape, layers, alpha })) : vector),
  );
}
