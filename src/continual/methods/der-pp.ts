import { z } from "zod";
import { mulNumber } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { defineMethod } from "../method.ts";
import { drawnFor, replaying, reservoirOptions } from "../reservoir.ts";
import { logitsOptions, logitsTerm, type StoredFeatures, storing } from "../stored-logits.ts";

export default defineMethod({
  summary:
    "Dark experience replay with the samples' own captions: DER's logits on one draw from a reservoir, the run's loss over a second one.",
  source: "arXiv:2004.07211, eq. 6; logits as in der",
  when: "As der, where the captions of earlier samples are to be trusted too.",
  cost: "The rows of two draws beside each batch, forward and backward; features of the reservoir's samples are kept, pictures are read again.",
  options: z.strictObject({
    alpha: z.number().min(0).default(0.1).describe("weight of the logits' term"),
    beta: z.number().min(0).default(0.5).describe("weight of the loss over the second draw"),
    ...logitsOptions,
    ...reservoirOptions,
  }),
  build: ({ alpha, beta, logits, ...how }) => ({
    ...replaying("der-pp", ["logits", "replay"], how),
    ...storing(how.size),
    loss(batch, stored: StoredFeatures): Readonly<Record<string, Tensor>> {
      const term = logitsTerm(batch, stored, { by: "der-pp", use: "logits", logits });
      const drawn = drawnFor(batch.rows, "der-pp", "replay").map(({ row }) => row);
      return {
        ...(term ? { logits: mulNumber(term, alpha) } : {}),
        ...(drawn.length > 0 ? { replay: mulNumber(batch.contrastive(drawn), beta) } : {}),
      };
    },
  }),
});
