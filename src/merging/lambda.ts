import { z } from "zod";
import { add, mulNumber } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { MergeInput } from "./operator.ts";

/** Factor of the merged task vector. */
export const lambdaOption = z
  .union([z.number(), z.literal("mean")])
  .default(1)
  .describe('a number, or "mean" for 1/n');

/** θ0 + λ·vector. */
export function fromBase(input: MergeInput, vector: Tensor, lambda: number | "mean"): Tensor {
  const factor = lambda === "mean" ? 1 / input.count : lambda;
  return add(input.base(), factor === 1 ? vector : mulNumber(vector, factor));
}

/** Σ of one tensor a model, in the order of the models. */
export function sumOf(count: number, of: (i: number) => Tensor): Tensor {
  let total = of(0);
  for (let i = 1; i < count; i++) total = add(total, of(i));
  return total;
}
