import { z } from "zod";
import { onOneThread, solve } from "../../engine/linear-algebra.ts";
import { add, divNumber, matmul, mul, mulNumber, reshape, to, transpose } from "../../engine/ops.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { sumOf } from "../lambda.ts";
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
    const grams = Array.from({ length: input.count }, (_, i) => (input.tensor.layers > 0 ? input.statistic(i) : undefined)).flatMap(
      (gram) => gram ?? [],
    );
    if (grams.length < input.count)
      return divNumber(
        sumOf(input.count, (i) => input.model(i)),
        input.count,
      );
    return onOneThread(() =>
      nearest(
        input,
        grams.map((gram) => damped(gram, keep)),
      ),
    );
  },
} satisfies MergeOperator<typeof options>;

/** W with (Σ G_i) Wᵀ = Σ G_i W_iᵀ for output-first layers. */
function nearest(input: MergeInput, grams: readonly Tensor[]): Tensor {
  const { shape, isInputFirst } = input.tensor;
  const inputFirst = (i: number): Tensor => {
    const weight = to(reshape(input.model(i), shape), "float64");
    return isInputFirst ? weight : transpose(weight, 0, 1); // [in, out]
  };
  const total = sumOf(input.count, (i) => grams[i] as Tensor);
  const wanted = sumOf(input.count, (i) => matmul(grams[i] as Tensor, inputFirst(i)));
  const merged = solve(total, wanted);
  return reshape(to(isInputFirst ? merged : transpose(merged, 0, 1), "float32"), [input.size]);
}

/** αG + (1 − α)·diag(G), float64. */
function damped(gram: Tensor, keep: number): Tensor {
  const side = Math.sqrt(gram.size);
  const unit = Float64Array.from({ length: side * side }, (_, at) => (at % (side + 1) === 0 ? 1 - keep : 0));
  const exact = to(reshape(gram, [side, side]), "float64");
  return add(mulNumber(exact, keep), mul(exact, tensor(unit, [side, side], "float64")));
}
