import { z } from "zod";
import { add, exp, linear, mul, mulNumber, transpose } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { besideShipped, distilled } from "../distil.ts";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary:
    "Learning without forgetting: on every batch the model is to match images and texts as the one shipped after the last task does.",
  source:
    "arXiv:1606.09282, eq. 2; temperature and T² as in arXiv:1503.02531; logits are the batch's cosines, both ways, as in arXiv:2408.14471",
  when: "Earlier samples are gone, and new batches show enough of what was known.",
  cost: "A forward pass of the last shipped model over every batch; one more copy of the weights.",
  options: z.strictObject({
    alpha: z.number().min(0).default(1).describe("weight of the term"),
    temperature: z.number().positive().default(2).describe("T: logits are divided by it, the term is multiplied by its square"),
  }),
  build: ({ alpha, temperature }) =>
    // α · T² · ½[CE(A rows, softmax A' rows) + CE(A columns, softmax A' columns)], A and A' at the teacher's temperature.
    besideShipped((features, before, teacher) => {
      const scale = exp(teacher.get("logit_scale") as Tensor);
      const now = mul(linear(features.image, features.text), scale); // [B, B]
      const then = mul(linear(before.image, before.text), scale);
      const ways = add(distilled(now, then, temperature), distilled(transpose(now, 0, 1), transpose(then, 0, 1), temperature));
      return { distillation: mulNumber(ways, alpha / 2) };
    }),
});
