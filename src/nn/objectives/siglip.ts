import { z } from "zod";
import { add, linear, logSigmoid, mul, mulNumber, sum, toDevice } from "../../engine/ops.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import type { ObjectiveDefinition, ObjectiveInput } from "../objective.ts";
import { ownRows, pairMatrix } from "../pair-matrix.ts";

/** −Σ log σ(z_ij (scale · f_i g_j + bias)) / B with z = 1 on the diagonal and −1 elsewhere. */
const siglip: ObjectiveDefinition = {
  summary: "Sigmoid loss: every pair of the batch is a yes or no of its own.",
  source: "arXiv:2303.15343, eq. 1",
  options: z.strictObject({}),
  loss(input) {
    const { image, text, scale, bias, share, excluded } = input;
    const own = ownRows(image, share);
    const products = mul(linear(own, text), scale); // [rows, B]
    const terms = logSigmoid(mul(bias ? add(products, bias) : products, signs(input)));
    const counted = excluded?.length ? mul(terms, pairMatrix(input, { excluded: 0, otherwise: 1 })) : terms;
    return mulNumber(sum(counted), -1 / (own.shape[0] ?? 1));
  },
};
export default siglip;

function signs({ image, share }: ObjectiveInput): Tensor {
  const all = image.shape[0] ?? 0;
  const { from, to } = share ?? { from: 0, to: all };
  const entries = new Float32Array((to - from) * all).fill(-1);
  for (let i = from; i < to; i++) entries[(i - from) * all + i] = 1;
  return toDevice(tensor(entries, [to - from, all], "float32"), image.device);
}
