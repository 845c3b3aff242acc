import { slice, toDevice } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import type { ObjectiveInput } from "./objective.ts";

/** Rows of this process's share: the whole where there is one process. */
export function ownRows(features: Tensor, share: ObjectiveInput["share"]): Tensor {
  return share ? slice(features, 0, share.from, share.to) : features;
}

/** [rows, B] float32 with `excluded` at excluded pairs and `otherwise` elsewhere, for the rows of the share; transposed pairs on request. */
export function pairMatrix(
  input: ObjectiveInput,
  values: { readonly excluded: number; readonly otherwise: number; readonly transposed?: boolean },
): Tensor {
  const all = input.image.shape[0] ?? 0;
  const { from, to } = input.share ?? { from: 0, to: all };
  const entries = new Float32Array((to - from) * all).fill(values.otherwise);
  for (const pair of input.excluded ?? []) {
    const [i, j] = [Math.floor(pair / all), pair % all];
    const [row, column] = values.transposed ? [j, i] : [i, j];
    if (row >= from && row < to) entries[(row - from) * all + column] = values.excluded;
  }
  return toDevice(tensor(entries, [to - from, all], "float32"), input.image.device);
}
