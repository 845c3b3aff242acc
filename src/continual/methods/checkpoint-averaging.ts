import { z } from "zod";
import type { Weights } from "../../engine/tensor.ts";
import { meanOf, refuseAdapters } from "../averaging.ts";
import { defineMethod } from "../method.ts";
import { snapshot } from "../snapshot.ts";

type Memory = {
  readonly kept: readonly Weights[];
  /** Steps between two of them. */
  readonly every: number;
};

export default defineMethod({
  summary: "Leaves the mean of the last k checkpoints of a task, taken at even distances: with a constant rate it stands for a decay.",
  source: "arXiv:2505.12082 (PMA); arXiv:2507.17634 (WSM); arXiv:1803.05407 (SWA)",
  when: "The rate is constant, and the end is to be as if it had decayed.",
  cost: "A step as plain fine-tuning; k copies of the weights in memory, read at a task's end.",
  options: z.strictObject({
    k: z.int().min(1).default(10).describe("checkpoints that are averaged, all held in memory"),
    every: z.number().positive().default(0.02).describe("steps between two of them; below 1 a share of the task's steps"),
    start: z.enum(["mean", "latest"]).default("mean").describe("what the next task starts from: the mean, or the last weights"),
  }),
  build: ({ k, every, start }) => ({
    holds: () => ({ models: k }),
    passes: () => k + 1,
    init: (): Memory => ({ kept: [], every: 1 }),
    startTask: ({ model, steps }): Memory => {
      refuseAdapters("checkpoint-averaging", model);
      return { kept: [], every: Math.max(1, Math.round(every < 1 ? every * steps : every)) };
    },
    afterStep({ model, at }, memory: Memory): Memory {
      if ((at.step + 1) % memory.every !== 0) return memory;
      return { ...memory, kept: [...memory.kept.slice(Math.max(0, memory.kept.length - k + 1)), snapshot(model.weights)] };
    },
    flow(expert, _, { kept }: Memory) {
      const mean = kept.length === 0 ? expert : meanOf(kept);
      return { deploy: mean, start: start === "mean" ? mean : expert };
    },
  }),
});
