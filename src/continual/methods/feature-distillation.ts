import { z } from "zod";
import { add, addNumber, mean, mul, mulNumber, neg, sub, sumOver } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { besideShipped } from "../distil.ts";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary:
    "Feature distillation: on every batch each image and text is to keep the direction it had in the model shipped after the last task.",
  source:
    "arXiv:1607.00122 (less-forgetting: squared distance of features to the old model's); here features of unit length, of both towers",
  when: "Features are used downstream, by an index or a probe, and are to stay where they were.",
  cost: "A forward pass of the last shipped model over every batch; one more copy of the weights.",
  options: z.strictObject({
    alpha: z.number().min(0).default(1).describe("weight of the term"),
    distance: z
      .enum(["cosine", "mse"])
      .default("cosine")
      .describe("mean over rows of 1 − cosine; or mean over all E entries of the squared difference, 2/E as much"),
  }),
  build({ alpha, distance }) {
    const away = distance === "mse" ? meanSquare : cosineDistance;
    // α · ½[d(f, f') + d(g, g')], f and g unit-length features of images and texts.
    return besideShipped((now, before) => ({
      features: mulNumber(add(away(now.image, before.image), away(now.text, before.text)), alpha / 2),
    }));
  },
});

const cosineDistance = (now: Tensor, before: Tensor): Tensor => addNumber(neg(mean(sumOver(mul(now, before), [1]))), 1);

function meanSquare(now: Tensor, before: Tensor): Tensor {
  const difference = sub(now, before);
  return mean(mul(difference, difference));
}
