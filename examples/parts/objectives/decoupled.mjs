// An objective: the contrastive loss of a batch of pairs, a scalar whose gradient reaches features and temperature.
//
//   loss: {name: decoupled}

import { operator, ops, ownRows, pairMatrix, z } from "evergreen";

export default {
  summary: "CLIP's loss without a pair's own product among its negatives: it still pulls where a small batch has no hard ones.",
  source: "the decoupled loss of arXiv:2110.06848, for images over texts and texts over images",
  // Losses take what run files say of every loss (temperature, duplicates); none has options of its own.
  options: z.strictObject({}),
  loss: (input) => ops.mulNumber(ops.add(oneWay(input, false), oneWay(input, true)), 0.5),
};

/** Mean over the rows of this process of log Σ_{j≠i} exp(s·f_i·g_j) − s·f_i·g_i. */
function oneWay(input, transposed) {
  const { image, text, scale, share, excluded = [] } = input;
  const [asking, answering] = transposed ? [text, image] : [image, text];
  const own = ownRows(asking, share);
  const logits = ops.mul(ops.linear(own, answering), scale); // [rows, B]
  const pairs = image.shape[0];
  // A finite number: an infinite one would make 0 · ∞ in the backward pass.
  const left = [...excluded, ...Array.from({ length: pairs }, (_, i) => i * pairs + i)];
  const masked = ops.add(logits, pairMatrix({ ...input, excluded: left }, { excluded: -1e4, otherwise: 0, transposed }));
  // What ops does not name is called by PyTorch's name. A plan takes the step on shapes: no value may decide what is computed.
  const top = ops.detach(ops.reshape(ops.maxOver(masked, [1]), [-1, 1]));
  const [rest] = operator("aten::log")(ops.sumOver(ops.exp(ops.sub(masked, top)), [1], true)); // [rows, 1]
  const matched = ops.mul(ops.sumOver(ops.mul(own, ownRows(answering, share)), [1], true), scale);
  return ops.mean(ops.sub(ops.add(rest, top), matched));
}
