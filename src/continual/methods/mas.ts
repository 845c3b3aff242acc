import { z } from "zod";
import { mulNumber } from "../../engine/ops.ts";
import { release } from "../../engine/scope.ts";
import type { Weights } from "../../engine/tensor.ts";
import { anchorOptions, learnedSnapshot, placed, placeOf } from "../anchor.ts";
import { importanceBatches, meanOverTask, sampleOptions } from "../fisher.ts";
import { defineMethod, type TaskContext } from "../method.ts";
import { runningImportance } from "../running-importance.ts";
import { addSampleGradients } from "../sample-gradients.ts";
import { springOn } from "../spring.ts";

type Memory = { readonly importance: Weights | null; readonly anchor: Weights | null };

export default defineMethod({
  summary:
    "Memory-aware synapses: a spring, stiff where features of earlier tasks' samples are sensitive to a weight. Needs no captions to be right.",
  source: "arXiv:1711.09601, eqs. 2 and 3, over both towers",
  when: "As ewc, where captions of a task are not to be trusted.",
  cost: "At each task's end a pass over its samples, max_samples at most, that takes about what training on them takes; two more copies of what learns, float32.",
  options: z.strictObject({
    lambda: z.number().min(0).default(0.1).describe("weight of the penalty: λ · Σ I (θ − θ*)²"),
    alpha: z.number().min(0).max(1).default(0.5).describe("what the importance I keeps of earlier tasks: αI + (1 − α)I_new"),
    ...anchorOptions,
    ...sampleOptions,
  }),
  build({ lambda, alpha, anchor, offload, maxSamples }) {
    const place = placeOf({ offload });
    return {
      budget: { batchesAtTaskEnd: importanceBatches(maxSamples) },
      init: (): Memory => ({ importance: null, anchor: null }),
      startTask: (task, { importance, anchor: last }: Memory): Memory => ({
        importance,
        anchor: importance && anchor === "start" ? learnedSnapshot(task, place) : last,
      }),
      penalty: (name, weight, memory: Memory) => springOn(name, weight, { stiffness: 2 * lambda, ...memory }),
      async endTask(task, { importance }: Memory): Promise<Memory> {
        const fresh = await sensitivity(task, maxSamples);
        const next = anchor === "expert" ? learnedSnapshot(task, place) : null;
        if (!importance) return { importance: placed(fresh, place), anchor: next };
        const sum = runningImportance(importance, fresh, { keep: alpha, share: 1 - alpha, place });
        release(fresh);
        return { importance: sum, anchor: next };
      },
    };
  },
});

/** Mean over samples of |∂‖f‖²/∂θ|, f the features of the parameter's own tower before they are normalised: after that their length is 1 whatever the weights. */
function sensitivity(task: TaskContext, maxSamples: number): Promise<Weights> {
  const { microBatch } = task.run;
  return meanOverTask(task, { measure: "magnitude", maxSamples }, (model, batch, sums) => {
    addSampleGradients(model, batch, {
      own: ({ image, text }) => ({ image: mulNumber(image, 2), text: mulNumber(text, 2) }),
      sums,
      microBatch,
    });
    return batch.textOf.length;
  });
}
