import { z } from "zod";
import type { Weights } from "../../engine/tensor.ts";
import { movedTo, refuseAdapters } from "../averaging.ts";
import { defineMethod } from "../method.ts";
import { snapshot } from "../snapshot.ts";

type Memory = { readonly average: Weights; readonly steps: number };

export default defineMethod({
  summary: "Ships an exponential moving average of the weights, moved after every step.",
  source: "arXiv:2408.14471's code (ema_online); average of iterates as in arXiv:1803.05407",
  when: "Steps are noisy, and nothing else is to change.",
  cost: "A step as plain fine-tuning and one pass over the weights; one more copy of them.",
  options: z.strictObject({
    weight: z.number().min(0).max(1).default(0.999).describe("what the average keeps at each step"),
    biasFree: z.boolean().default(false).describe("true to keep less in the first steps: min(weight, (1 + n)/(10 + n))"),
    start: z
      .enum(["ema", "latest"])
      .default("ema")
      .describe("what the next task starts from: the average, or the weights it is the average of"),
  }),
  build: ({ weight, biasFree, start }) => ({
    init: ({ model }): Memory => ({ average: snapshot(model.weights), steps: 0 }),
    startTask: ({ model }, memory: Memory): Memory => {
      refuseAdapters("ema-online", model);
      return memory;
    },
    afterStep({ model }, { average, steps }: Memory): Memory {
      const kept = biasFree ? Math.min(weight, (1 + steps) / (10 + steps)) : weight;
      return { average: movedTo(average, model.weights, 1 - kept), steps: steps + 1 };
    },
    flow: (expert, _, { average }: Memory) => ({ deploy: average, start: start === "ema" ? average : expert }),
  }),
});
