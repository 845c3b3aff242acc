import { z } from "zod";
import { abs, greater, kthLargest, where } from "../../engine/elementwise.ts";
import { lerp, mul, reshape } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import type { OptimizerState } from "../../nn/optimizer.ts";
import { EvergreenError } from "../../util/errors.ts";
import { learnedSnapshot } from "../anchor.ts";
import { meanWith, refuseAdapters } from "../averaging.ts";
import { type AppliedStep, defineMethod } from "../method.ts";
import { snapshot } from "../snapshot.ts";

type Memory = {
  /** Where the task started, by parameter that learns. */
  readonly start: Weights;
  /** The running mean of all weights since the reset; null before it has one. */
  readonly mean: Weights | null;
  readonly count: number;
  /** Steps before the reset; the reset is made after the last of them. */
  readonly warm: number;
};

export default defineMethod({
  summary: "Resets what moved least surely towards the task's start, once, then leaves the running mean of the weights after that.",
  source: "arXiv:2502.07274, algorithm 1",
  when: "Retention is wanted without earlier samples, teachers or pulls.",
  cost: "A step as plain fine-tuning; one reset in each task; two more copies of what learns.",
  options: z.strictObject({
    keep: z
      .number()
      .min(0)
      .max(100)
      .default(20)
      .describe("per cent of each tensor's entries that the reset leaves alone, those of largest |m|·v in Adam's moments"),
    alpha: z.number().min(0).max(1).default(0.5).describe("share of the weights in the reset: the rest is the task's start"),
    warm: z.number().min(0).max(1).default(0.3).describe("part of the task's steps before the reset"),
    every: z.int().min(1).default(10).describe("steps between two weights of the mean"),
  }),
  build: ({ keep, alpha, warm, every }) => ({
    holds: (_, steps) => ({ models: lastBefore(steps, warm) + every <= steps ? 1 : 0 }),
    init: (): Memory => ({ start: new Map(), mean: null, count: 0, warm: 0 }),
    startTask: (task): Memory => {
      refuseAdapters("weight-space-consolidation", task.model);
      return { start: learnedSnapshot(task), mean: null, count: 0, warm: lastBefore(task.steps, warm) };
    },
    afterStep(step, memory: Memory): Memory {
      const since = step.at.step + 1 - memory.warm;
      if (since <= 0 || since % every !== 0) return memory;
      const { weights } = step.model;
      const mean = memory.mean ? meanWith(memory.mean, weights, memory.count) : snapshot(weights);
      return { ...memory, mean, count: memory.count + 1 };
    },
    rewrite: (step, { start, warm: last }: Memory) =>
      step.at.step + 1 === last && keep < 100 ? reset(step, start, { keep, alpha }) : undefined,
    expert: (trained, _, { mean }: Memory) => mean ?? trained,
  }),
});

/** Steps of a task before its mean begins; the last of them ends with the reset. */
const lastBefore = (steps: number, warm: number): number => Math.max(1, Math.round(warm * steps));

/** αθ + (1 − α)θ_start at all but the `keep` per cent of each tensor's entries with the largest |m|·v. */
function reset(
  { model, moments }: AppliedStep,
  start: Weights,
  { keep, alpha }: { readonly keep: number; readonly alpha: number },
): Weights {
  return new Map(
    [...start].map(([name, from]) => {
      const weight = model.weights.get(name) as Tensor;
      return [
        name,
        scope(() => {
          const blended = lerp(from, weight, alpha);
          const kept = Math.round((keep / 100) * weight.size);
          // Shapes alone have no largest entries.
          if (kept === 0 || weight.device === "meta") return blended;
          const score = scoreOf(moments, name, weight.size);
          return where(greater(kthLargest(reshape(score, [weight.size]), kept), score), blended, weight);
        }),
      ] as const;
    }),
  );
}

/** Bias corrections scale a whole tensor alike and change no order. */
function scoreOf(moments: OptimizerState, name: string, size: number): Tensor {
  const [first, second] = [moments.exp_avg?.get(name), moments.exp_avg_sq?.get(name)];
  // An optimizer of low rank keeps moments of another shape.
  if (first?.size === size && second) return mul(abs(first), second);
  throw new EvergreenError(
    `methods: weight-space-consolidation reads Adam's moments, and the optimizer has none for each entry of ${name}`,
    {
      code: "EG-3106",
      exit: "config",
      fix: "set optim.name to adamw",
    },
  );
}
