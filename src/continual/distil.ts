import { crossEntropy, divNumber, indexSelect, mulNumber, softmax } from "../engine/ops.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { Method, RowInfo } from "./method.ts";
import { picking } from "./picking.ts";
import { teacherWeights } from "./teacher.ts";

/**
 * T² · mean over rows of the cross entropy of logits [N, K] at temperature T with a teacher's softmax at the same temperature (arXiv:1503.02531, §2: T² keeps the size of the gradients).
 * The teacher's entropy is part of the value and not of the gradient, which is zero where both agree.
 */
export function distilled(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const shares = softmax(divNumber(teacher, temperature), 1);
  return mulNumber(crossEntropy(divNumber(student, temperature), shares), temperature ** 2);
}

/** Unit-length features of some rows of a batch, [B, E] each. */
export interface Features {
  readonly image: Tensor;
  readonly text: Tensor;
}

/** The weights shipped after the last task, as a teacher; null before the first has ended. */
type ShippedTeacher = { readonly teacher: Weights | null };

/** The hooks of a method whose terms look at the mixture's rows now, and as the model shipped after the last task sees them; there are none in the first task. */
export function besideShipped(terms: (now: Features, before: Features, teacher: Weights) => Readonly<Record<string, Tensor>>) {
  return {
    budget: { learns: "metered" },
    init: () => ({ teacher: null }),
    shipped: (deployed, { model, run }) => ({ teacher: teacherWeights(deployed, run.precision, model) }),
    loss({ image, text, rows, embed }, { teacher }) {
      if (!teacher) return {};
      const own = mixtureRows(rows);
      return terms({ image: rowsOf(image, own), text: rowsOf(text, own) }, embed(teacher, own), teacher);
    },
  } satisfies Method<ShippedTeacher>;
}

/** Places in a batch of the mixture's rows: without those that methods asked for. */
const mixtureRows = (rows: readonly RowInfo[]): readonly number[] =>
  rows.flatMap(({ role }, i) => (role === "reservoir" || role === "reference" ? [] : [i]));

/** Some rows of features; all where all are asked for. */
export function rowsOf(features: Tensor, rows: readonly number[]): Tensor {
  return rows.length === features.shape[0] ? features : indexSelect(features, 0, picking(rows, features.device));
}
