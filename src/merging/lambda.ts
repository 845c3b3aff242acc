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
