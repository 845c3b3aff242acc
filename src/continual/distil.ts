import { crossEntropy, divNumber, indexSelect, mulNumber, softmax } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { RowInfo } from "./method.ts";
import { picking } from "./picking.ts";

/**
 * T² · mean over rows of the cross entropy of logits [N, K] at temperature T with a teacher's softmax at the same temperature (arXiv:1503.02531, §2: T² keeps the size of the gradients).
 * The teacher's entropy is part of the value and not of the gradient, which is zero where both agree.
 */
export function distilled(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const shares = softmax(divNumber(teacher, temperature), 1);
  return mulNumber(crossEntropy(divNumber(student, temperature), shares), temperature ** 2);
}

/** Places in a batch of the mixture's rows: without those that methods asked for. */
export const mixtureRows = (rows: readonly RowInfo[]): readonly number[] =>
  rows.flatMap(({ role }, i) => (role === "reservoir" || role === "reference" ? [] : [i]));

/** Some rows of features; all where all are asked for. */
export function rowsOf(features: Tensor, rows: readonly number[]): Tensor {
  return rows.length === features.shape[0] ? features : indexSelect(features, 0, picking(rows, features.device));
}
