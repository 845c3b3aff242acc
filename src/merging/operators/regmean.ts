import { z } from "zod";
import { onOneThread, solve } from "../../engine/linear-algebra.ts";
import { add, matmul, mul, mulNumber, reshape, to, transpose } from "../../engine/ops.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { fold, meanModel } from "../fold.ts";
import type { MergeInput, MergeOperator } from "../operator.ts";

const options = z.strictObject({
  keep: z.number().gt(0).max(1).default(0.9).describe("what is kept of the products of different inputs, at most 1"),
});

export default {
  summary: "Linear layers that come nearest to all models' outputs on their own inputs; the mean of all other tensors.",
  source: "arXiv:2212.09849, eq. 1 and section 3.2; in double precision",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "none",
  usesBase: false,
  needs: "gram",
  whole: ({ layers }) => layers > 0,
  passes: () => 1,
  merge: (input, { keep }) => {
    if (input.count === 1) return input.model(0);
    const sums = input.tensor.layers > 0 ? onOneThread(() => sumsOf(input, keep)) : undefined;
    return sums ? onOneThread(() => nearest(input, sums)) : meanModel(input);
  },
} satisfies MergeOperator<typeof options>;

/** Σ G_i and Σ G_i W_iᵀ, [in, in] and [in, out], float64. */
interface Sums {
  readonly total: Tensor;
  readonly wanted: Tensor;
}

/** Undefined where a model has no products for this layer. */
function sumsOf(input: MergeInput, keep: number): Sums | undefined {
  const { shape, isInputFirst } = input.tensor;
  return fold<Sums | undefined>(undefined, input.count, (before, i) => {
    const stored = i > 0 && !before ? undefined : input.statistic(i);
    if (!stored) return undefined;
    const gram = damped(stored, keep);
    const weight = to(reshape(input.model(i), shape), "float64");
    const wanted = matmul(gram, isInputFirst ? weight : transpose(weight, 0, 1));
    return before ? { total: add(before.total, gram), wanted: add(before.wanted, wanted) } : { total: gram, wanted };
  });
}

/** W with (Σ G_i) Wᵀ = Σ G_i W_iᵀ, for output-first layers. */
function nearest(input: MergeInput, { total, wanted }: Sums): Tensor {
  const merged = solve(total, wanted);
  return reshape(to(input.tensor.isInputFirst ? merged : transpose(merged, 0, 1), "float32"), [input.size]);
}

/** αG + (1 − α)·diag(G), float64. */
function damped(gram: Tensor, keep: number): Tensor {
  const side = Math.sqrt(gram.size);
  const unit = Float64Array.from({ length: side * side }, (_, at) => (at % (side + 1) === 0 ? 1 - keep : 0));
  const exact = to(reshape(gram, [side, side]), "float64");
  return add(mulNumber(exact, keep), mul(exact, tensor(unit, [side, side], "float64")));
}
