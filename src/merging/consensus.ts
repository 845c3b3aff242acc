import { abs, greater } from "../engine/elementwise.ts";
import { mulNumber, sub, to } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import { sumOf } from "./fold.ts";
import type { MergeInput } from "./operator.ts";

/** Number of models to which each entry matters: those whose task vector exceeds `threshold` times the sum of the others'. */
export function votesOf(input: MergeInput, total: Tensor, threshold: number): Tensor {
  return sumOf(input.count, (i) => {
    const vector = input.vector(i);
    return to(greater(abs(vector), mulNumber(abs(sub(total, vector)), threshold)), "float32");
  });
}
