import { z } from "zod";
import { grad, requireGrad } from "../engine/grad.ts";
import { scaleInto } from "../engine/in-place.ts";
import { add, concat, contiguous, detach, exp, expand, mulNumber, normalize, slice } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import { type ComputeWeights, computeWeights } from "../models/clip.ts";
import type { ObjectiveDefinition } from "../nn/objective.ts";
import { lossAndGradients, type PairBatch } from "./gradients.ts";
import { learnedWeights } from "./learned.ts";
import type { TaskContext } from "./method.ts";
import { addSampleGradients, asLeaves, type RawFeatures } from "./sample-gradients.ts";
import { type Measure, SampleSums } from "./sample-sums.ts";

/** On how many samples importance is measured. */
export const sampleOptions = {
  maxSamples: z.int().min(1).default(50_000).describe("samples of the task that importance is measured on, at most, in whole batches"),
} as const;

/** Batches that importance is measured on at a task's end. */
export const importanceBatches =
  (maxSamples: number) =>
  ({ samples, batchSize }: { readonly samples: number; readonly batchSize: number }): number =>
    Math.min(Math.ceil(maxSamples / batchSize), Math.max(Math.min(1, samples), Math.floor(samples / batchSize)));

/** How the Fisher information is estimated. */
export const fisherOptions = {
  fisher: z
    .enum(["sample", "batch"])
    .default("sample")
    .describe(
      "sample: mean over samples of the squared gradient of each one's own loss, the others' features fixed; batch: mean over batches of the squared gradient of the batch's loss, as arXiv:2408.14471's code",
    ),
  ...sampleOptions,
} as const;

/**
 * Diagonal of the Fisher information of the task's own samples under the run's objective and the learned temperature, float32, by parameter that learns.
 * It lives until it is released.
 */
export async function diagonalFisher(
  task: TaskContext,
  { fisher, maxSamples }: { readonly fisher: "sample" | "batch"; readonly maxSamples: number },
): Promise<Weights> {
  const { objective } = task.run;
  if (fisher === "batch")
    return meanOverTask(task, { measure: "square", maxSamples }, (model, batch, sums) => addBatch(task, { model, batch, sums }));
  return meanOverTask(task, { measure: "square", maxSamples }, (model, batch, sums) => {
    const own = (features: RawFeatures): RawFeatures => ownLossGradients(features, { model, batch, sums, objective });
    addSampleGradients(model, batch, { own, sums, microBatch: task.run.microBatch });
    return batch.textOf.length;
  });
}

/** A mean over the task's samples, or batches, of what `each` adds to the sums; `each` gives how many it added. */
export async function meanOverTask(
  task: TaskContext,
  how: { readonly measure: Measure; readonly maxSamples: number },
  each: (model: ComputeWeights, batch: PairBatch, sums: SampleSums) => number,
): Promise<Weights> {
  const { batchSize, precision } = task.run;
  const sums = new SampleSums(learnedWeights(task), how.measure);
  let count = 0;
  for await (const batch of task.batches({ maxSamples: Math.ceil(how.maxSamples / batchSize) * batchSize, batchSize }))
    count += scope(() => each(asLeaves(computeWeights(task.model, precision)), batch, sums));
  for (const sum of sums.sums.values()) scaleInto(sum, 1 / Math.max(1, count));
  return sums.sums;
}

/** The squared gradient of the loss of the whole batch. */
function addBatch(task: TaskContext, { model, batch, sums }: { model: ComputeWeights; batch: PairBatch; sums: SampleSums }): number {
  const { objective, microBatch } = task.run;
  const names = [...sums.sums.keys()];
  const leaves = names.map((name) => model.weights.get(name) as Tensor);
  const found = lossAndGradients(model, batch, leaves, {
    objective,
    checkpointing: true,
    ...(microBatch === undefined ? {} : { microBatch }),
  });
  for (const [i, name] of names.entries()) {
    const gradient = found.gradients[i];
    if (gradient) sums.add(name, gradient);
  }
  return 1;
}

interface Losses {
  readonly model: ComputeWeights;
  readonly batch: Pick<PairBatch, "excluded">;
  readonly sums: SampleSums;
  readonly objective: ObjectiveDefinition;
}

/**
 * Gradients of each sample's own loss by its own features: ½ (its image among all texts + its text among all images), the other samples' features fixed. What the temperature and the bias
 * have of it is added to the sums at once.
 */
function ownLossGradients(raw: RawFeatures, at: Losses): RawFeatures {
  const leaves = { image: detach(raw.image), text: detach(raw.text) };
  requireGrad([leaves.image, leaves.text]);
  const unit = { image: normalize(leaves.image), text: normalize(leaves.text) };
  const seen = { image: detach(unit.image), text: detach(unit.text) };
  requireGrad([seen.image, seen.text]);
  const { objective, model } = at;
  const isPlain = objective.ownLosses !== undefined && !model.weights.has("logit_bias");
  const own = isPlain ? atOnce(seen, at) : pairByPair(seen, at);
  const [image, text] = grad([unit.image, unit.text], [leaves.image, leaves.text], [own.image, own.text]);
  return { image: image as Tensor, text: text as Tensor };
}

function atOnce({ image, text }: RawFeatures, { model, batch, sums, objective }: Losses): RawFeatures {
  const logitScales = contiguous(expand(detach(model.weights.get("logit_scale") as Tensor), [image.shape[0] ?? 0, 1]));
  requireGrad([logitScales]);
  const input = { image, text, scale: exp(logitScales), excluded: batch.excluded ?? [] };
  const [ofImage, ofText, ofScales] = grad([objective.ownLosses?.(input) as Tensor], [image, text, logitScales]);
  sums.addEach("logit_scale", ofScales as Tensor);
  return { image: ofImage as Tensor, text: ofText as Tensor };
}

function pairByPair(seen: RawFeatures, at: Losses): RawFeatures {
  const { model, sums } = at;
  const others = ["logit_scale", "logit_bias"].flatMap((name) => {
    const leaf = model.weights.get(name);
    return leaf ? [{ name, leaf }] : [];
  });
  const rows = Array.from({ length: seen.image.shape[0] ?? 0 }, (_, sample) =>
    scope(() => {
      const [image, text, ...rest] = grad([ownLoss(seen, at, sample)], [seen.image, seen.text, ...others.map(({ leaf }) => leaf)]);
      for (const [i, { name }] of others.entries()) if (rest[i]) sums.add(name, rest[i]);
      const own = (of: Tensor | undefined): Tensor => slice(of as Tensor, 0, sample, sample + 1);
      return { image: own(image), text: own(text) };
    }),
  );
  const joined = (side: keyof RawFeatures): Tensor =>
    concat(
      rows.map((row) => row[side]),
      0,
    );
  return { image: joined("image"), text: joined("text") };
}

/** The gathered form of an objective answers for one pair as it answers for a share of a batch; both ways, for objectives that look from the images alone. */
function ownLoss({ image, text }: RawFeatures, { model, objective, batch }: Losses, sample: number): Tensor {
  const { excluded = [] } = batch;
  const pairs = image.shape[0] ?? 0;
  const bias = model.weights.get("logit_bias");
  const share = { from: sample, to: sample + 1 };
  const common = { scale: exp(model.weights.get("logit_scale") as Tensor), share, ...(bias ? { bias } : {}) };
  const turned = excluded.map((pair) => (pair % pairs) * pairs + Math.floor(pair / pairs));
  const forth = objective.loss({ image, text, ...common, excluded });
  const back = objective.loss({ image: text, text: image, ...common, excluded: turned });
  return mulNumber(add(forth, back), 0.5);
}
