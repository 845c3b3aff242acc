import { crossEntropy, divNumber, indexSelect, mulNumber, softmax, toDevice } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import type { RowInfo } from "./method.ts";

/**
 * T² · mean over rows of the cross entropy of logits [N, K] at temperature T with a teacher's softmax at the same temperature (arXiv:1503.02531, §2: T² keeps the size of the gradients).
 * The teacher's entropy is part of the value and not of the gradient, which is zero where both agree.
 */
export function distilled(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const shares = softmax(divNumber(teacher, temperature), 1);
  return mulNumber(crossEntropy(divNumber(student, temperature), shares), temperature ** 2);
}

/** Rows of a batch by number, as a tensor that picks them. */
export const picking = (rows: readonly number[], device: string): Tensor =>
  toDevice(tensor(Int32Array.from(rows), [rows.length], "int32"), device);

/** A batch's features without the rows that methods asked for: the mixture's alone. */
export function ofMixture<Features extends { readonly image: Tensor; readonly text: Tensor }>(
  rows: readonly RowInfo[],
  ...all: readonly Features[]
): readonly { readonly image: Tensor; readonly text: Tensor }[] {
  const own = rows.flatMap(({ role }, i) => (role === "reservoir" || role === "reference" ? [] : [i]));
  if (own.length === rows.length) return all;
  return all.map(({ image, text }) => {
    const picked = picking(own, image.device);
    return { image: indexSelect(image, 0, picked), text: indexSelect(text, 0, picked) };
  });
}
