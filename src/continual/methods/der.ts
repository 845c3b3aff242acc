import { z } from "zod";
import { mulNumber } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { defineMethod } from "../method.ts";
import { replaying, reservoirOptions } from "../reservoir.ts";
import { logitsOptions, logitsTerm, type StoredFeatures, storing } from "../stored-logits.ts";

export default defineMethod({
  summary: "Dark experience replay: logits among samples drawn from a reservoir are to stay what they were when each sample was taken in.",
  source:
    "arXiv:2004.07211, eq. 5; logits are the draw's cosines at the stored scale, their mean square over 100 (published: bare cosines, which hardly pull)",
  when: "Earlier samples may be kept, and what the model said of them is to stay, right or wrong.",
  cost: "The rows of one draw beside each batch, forward and backward; features of the reservoir's samples are kept, pictures are read again.",
  options: z.strictObject({
    alpha: z.number().min(0).default(0.3).describe("weight of the term"),
    ...logitsOptions,
    ...reservoirOptions,
  }),
  build: ({ alpha, logits, ...how }) => ({
    ...replaying("der", ["logits"], how),
    ...storing(how.size),
    loss(batch, stored: StoredFeatures): Readonly<Record<string, Tensor>> {
      const term = logitsTerm(batch, stored, { by: "der", use: "logits", logits });
      return term ? { logits: mulNumber(term, alpha) } : {};
    },
  }),
});
