import { z } from "zod";
import { add, arange, crossEntropy, detach, linear, mul, mulNumber, slice, sub, sumOver } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { ObjectiveDefinition, ObjectiveInput } from "../objective.ts";
import { ownRows, pairMatrix } from "../pair-matrix.ts";

/** ½[mean CE of images over texts + mean CE of texts over images] of A = scale · f gᵀ. */
const clip: ObjectiveDefinition = {
  summary: "Contrastive loss of CLIP: each image finds its text among all texts of the batch, each text its image.",
  source: "arXiv:2103.00020, figure 3",
  options: z.strictObject({}),
  loss(input) {
    return mulNumber(add(oneWay(input, false), oneWay(input, true)), 0.5);
  },
  ownLosses(input) {
    return mulNumber(add(ownWay(input, false), ownWay(input, true)), (input.image.shape[0] ?? 0) / 2);
  },
};
export default clip;

function oneWay(input: ObjectiveInput, fromText: boolean): Tensor {
  const { image, text, scale, share, excluded } = input;
  const [asking, answering] = fromText ? [text, image] : [image, text];
  const own = ownRows(asking, share);
  const logits = mul(linear(own, answering), scale); // [rows, B]
  const masked = excluded?.length ? add(logits, exclusion(input, fromText)) : logits;
  const labels = slice(arange(image.shape[0] ?? 0, image.device), 0, share?.from ?? 0, share?.to ?? image.shape[0] ?? 0);
  return crossEntropy(masked, labels);
}

/** A finite number: an infinite one would make 0 · ∞ in the backward pass. exp(-1e4) is 0 in float32. */
const exclusion = (input: ObjectiveInput, transposed: boolean): Tensor => pairMatrix(input, { excluded: -1e4, otherwise: 0, transposed });

/** The same where each asks fixed answers but for its own. */
function ownWay(input: ObjectiveInput, fromText: boolean): Tensor {
  const { image, text, scale, excluded } = input;
  const [asking, answering] = fromText ? [text, image] : [image, text];
  const fixed = detach(answering);
  // Zero, with the gradient of an answer that is not fixed.
  const moved = sub(sumOver(mul(asking, answering), [1], true), sumOver(mul(asking, fixed), [1], true)); // [B, 1]
  const pairs = image.shape[0] ?? 0;
  const diagonal = Array.from({ length: pairs }, (_, i) => i * pairs + i);
  const itself = pairMatrix({ ...input, excluded: diagonal }, { excluded: 1, otherwise: 0 });
  const logits = mul(add(linear(asking, fixed), mul(itself, moved)), scale); // [B, B]
  return crossEntropy(excluded?.length ? add(logits, exclusion(input, fromText)) : logits, arange(pairs, image.device));
}
