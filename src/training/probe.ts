import { contrastiveLoss, knownValue, type PairBatch } from "../continual/gradients.ts";
import { embedUnder } from "../continual/teacher.ts";
import { noGrad } from "../engine/grad.ts";
import { exp } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { Clip, ComputeWeights } from "../models/clip.ts";
import type { TrainingRow } from "./batches.ts";
import type { Training } from "./loop.ts";
import { rowBatches } from "./row-batches.ts";
import type { StepOptions } from "./step.ts";
import { withWeights } from "./with-weights.ts";

/** Rows of a probe batch, at most, and steps of its task that are looked through for them. */
const [mostRows, mostSteps] = [64, 64];

/** See {@link TaskContext.probe}. */
export async function probeLosses(
  run: Training,
  model: Clip,
  { task, weights }: { readonly task: number; readonly weights: readonly Weights[] },
): Promise<readonly number[] | undefined> {
  const rows = probeRows(run, task);
  if (rows.length < 2) return undefined;
  const losses: number[] = [];
  for await (const batch of rowBatches(run, [rows]))
    for (const each of weights)
      losses.push(await withWeights(model, each, run.step.precision, async (compute) => lossOf(compute, batch, run.step)));
  return losses;
}

/** Distinct rows of the buffer and of pretraining data that the task draws in some of its steps (purpose `guard/probe`), as an evaluation sees them; no more than a step holds. */
function probeRows({ tasks, facts }: Training, task: number): readonly TrainingRow[] {
  const work = tasks[task];
  if (!work) return [];
  const order = facts.random.at("guard/probe", { task }).permutation(work.steps).subarray(0, mostSteps);
  const found = new Map<string, TrainingRow>();
  for (const step of order) {
    if (work.rolesAt?.(step).every((role) => role === "update")) continue;
    for (const row of work.rowsAt(step)) {
      if (found.size >= Math.min(mostRows, facts.batchSize)) return [...found.values()];
      const { id } = row.request;
      if (row.source === "buffer" || row.source === "pretraining")
        found.set(id, { ...row, request: { ...row.request, transform: "test" } });
    }
  }
  return [...found.values()];
}

function lossOf(compute: ComputeWeights, batch: PairBatch, { objective, microBatch }: StepOptions): number {
  return scope(() =>
    noGrad(() => {
      const scale = exp(compute.weights.get("logit_scale") as Tensor);
      const bias = compute.weights.get("logit_bias");
      const seen = { ...embedUnder(compute, batch, microBatch), scale, ...(bias ? { bias } : {}) };
      return knownValue(contrastiveLoss(objective, seen, { over: Array.from(batch.textOf.keys()), excluded: batch.excluded }));
    }),
  );
}
