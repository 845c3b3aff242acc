import { z } from "zod";
import { mulNumber } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { defineMethod } from "../method.ts";
import { drawnFor, replaying, reservoirOptions } from "../reservoir.ts";

export default defineMethod({
  summary:
    "Experience replay: beside each batch the run's loss over a draw from a reservoir of earlier samples, at the learned temperature.",
  source: "arXiv:1902.10486, algorithm 1 with a reservoir; here batch and draw have a loss each in place of one joined batch",
  when: "Earlier samples may be kept, and the mixture has no buffer of its own.",
  cost: "The rows of one draw beside each batch, forward and backward; places of samples are kept, pictures are read again.",
  options: z.strictObject({
    alpha: z.number().min(0).default(1).describe("weight of the loss over the draw"),
    ...reservoirOptions,
  }),
  build: ({ alpha, ...how }) => ({
    ...replaying("er", ["replay"], how),
    loss({ rows, contrastive }): Readonly<Record<string, Tensor>> {
      const drawn = drawnFor(rows, "er", "replay").map(({ row }) => row);
      return drawn.length > 0 ? { replay: mulNumber(contrastive(drawn), alpha) } : {};
    },
  }),
});
