import { grad, noGrad, requireGrad } from "../engine/grad.ts";
import { add, concat, detach, exp, indexSelect, normalize, slice, to, toDevice } from "../engine/ops.ts";
import { handOver, keep, release, scope } from "../engine/scope.ts";
import { item, type Tensor, tensor } from "../engine/tensor.ts";
import { type ComputeWeights, imageTower, textTower } from "../models/clip.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import type { ObjectiveDefinition } from "../nn/objective.ts";
import { recompute, run, runAndKeep, type Tower } from "../nn/tower.ts";

/** A joined batch of B pairs. */
export interface PairBatch {
  /** float32, normalised, [B, 3, S, S]. */
  readonly pixels: Tensor;
  /** Distinct texts; each is encoded once. */
  readonly texts: TokenBatch;
  /** Row of `texts` of each pair. */
  readonly textOf: Int32Array;
  /** Pairs i · B + j that are not negatives. */
  readonly excluded?: readonly number[];
}

export interface GradientOptions {
  readonly objective: ObjectiveDefinition;
  /** Images (and texts) embedded at a time; the loss is still that of the whole batch. */
  readonly microBatch?: number;
  /** Activations inside of a stage are computed again in the backward pass. */
  readonly checkpointing: boolean;
}

export interface Gradients {
  readonly loss: number;
  /** One for each leaf; undefined where the loss does not depend on it. */
  readonly gradients: readonly (Tensor | undefined)[];
}

/**
 * Loss of a batch and its gradient with respect to `leaves`, exact over the whole batch however it is cut (gradient caching, arXiv:2101.06983):
 * embed all, differentiate the loss by the features, then send these gradients back through the towers part by part.
 */
export function lossAndGradients(model: ComputeWeights, batch: PairBatch, leaves: readonly Tensor[], options: GradientOptions): Gradients {
  const size = batch.pixels.shape[0] ?? 0;
  const whole = options.microBatch === undefined || options.microBatch >= size;
  return whole && !options.checkpointing ? direct(model, batch, leaves, options) : cached(model, batch, leaves, options);
}

function direct(model: ComputeWeights, batch: PairBatch, leaves: readonly Tensor[], options: GradientOptions): Gradients {
  return scope(() => {
    const image = run(imageTower(model, batch.pixels));
    const text = run(textTower(model, batch.texts));
    const loss = lossOf(model, batch, { image, text }, options.objective);
    const value = knownValue(loss);
    return { loss: value, gradients: Number.isFinite(value) ? grad([loss], leaves) : [] };
  });
}

/** The number a scalar holds; 0 where tensors are shapes alone, as when a step is planned. */
export const knownValue = (value: Tensor): number => (value.device === "meta" ? 0 : item(value));

/** The loss over unnormalised features, one text row for each distinct text. */
function lossOf(
  model: ComputeWeights,
  batch: PairBatch,
  features: { readonly image: Tensor; readonly text: Tensor },
  objective: ObjectiveDefinition,
): Tensor {
  const texts = normalize(features.text);
  const repeated =
    batch.texts.rows === batch.textOf.length
      ? texts
      : indexSelect(texts, 0, toDevice(tensor(batch.textOf, [batch.textOf.length], "int32"), texts.device));
  const bias = model.weights.get("logit_bias");
  return objective.loss({
    image: normalize(features.image),
    text: repeated,
    scale: exp(model.weights.get("logit_scale") as Tensor),
    ...(bias ? { bias } : {}),
    ...(batch.excluded ? { excluded: batch.excluded } : {}),
  });
}

/** The second time that a batch goes through a tower leaves batch norm's running statistics alone. */
const again = { statistics: "batch" } as const;
type Again = typeof again;

/** A part of a tower's batch, and how to build the tower over it. */
interface Part {
  readonly side: "image" | "text";
  readonly from: number;
  readonly to: number;
  readonly build: (statistics?: Again) => Tower;
}

function cached(model: ComputeWeights, batch: PairBatch, leaves: readonly Tensor[], options: GradientOptions): Gradients {
  return scope(() => {
    const parts = cut(model, batch, options.microBatch ?? batch.pixels.shape[0] ?? 0);
    const single = parts.length === 2 && options.checkpointing;
    const passes = parts.map((part) =>
      single ? runAndKeep(part.build()) : { output: scope(() => noGrad(() => run(part.build()))), inputs: [] },
    );
    const joined = (side: Part["side"]): Tensor =>
      detach(
        concat(
          passes.filter((_, i) => parts[i]?.side === side).map((pass) => pass.output),
          0,
        ),
      );
    const features = { image: joined("image"), text: joined("text") };
    requireGrad([features.image, features.text]);
    const loss = lossOf(model, batch, features, options.objective);
    const value = knownValue(loss);
    if (!Number.isFinite(value)) return { loss: value, gradients: [] };
    const [image, text, ...own] = grad([loss], [features.image, features.text, ...leaves]);
    const sums = new Sums(own);
    try {
      parts.forEach((part, i) => {
        const gradient = slice((part.side === "image" ? image : text) as Tensor, 0, part.from, part.to);
        scope(() => backward(part, gradient, { leaves, sums, inputs: passes[i]?.inputs ?? [], checkpointing: options.checkpointing }));
      });
    } finally {
      sums.total();
    }
    return { loss: value, gradients: sums.total() };
  });
}

function backward(
  part: Part,
  gradient: Tensor,
  at: { readonly leaves: readonly Tensor[]; readonly sums: Sums; readonly inputs: readonly Tensor[]; readonly checkpointing: boolean },
): void {
  const tower = part.build(again);
  if (!at.checkpointing) {
    at.sums.add(grad([run(tower)], at.leaves, [gradient]));
    return;
  }
  const inputs = at.inputs.length > 0 ? at.inputs : runAndKeep(tower).inputs;
  recompute(tower, inputs, gradient, { leaves: at.leaves, add: (gradients) => at.sums.add(gradients) });
}

function cut(model: ComputeWeights, batch: PairBatch, size: number): readonly Part[] {
  const parts: Part[] = [];
  const images = batch.pixels.shape[0] ?? 0;
  for (let from = 0; from < images; from += size) {
    const to = Math.min(images, from + size);
    parts.push({
      side: "image",
      from,
      to,
      build: (statistics) => imageTower({ ...model, ...statistics }, slice(batch.pixels, 0, from, to)),
    });
  }
  const { ids, rows, length } = batch.texts;
  for (let from = 0; from < rows; from += size) {
    const to = Math.min(rows, from + size);
    parts.push({
      side: "text",
      from,
      to,
      build: () => textTower(model, { ids: ids.subarray(from * length, to * length), rows: to - from, length }),
    });
  }
  return parts;
}

/** Running sums of gradients, in float32 once there is more than one term. */
class Sums {
  private readonly held: (Tensor | undefined)[];

  constructor(first: readonly (Tensor | undefined)[]) {
    this.held = first.map((each) => each && keep(each));
  }

  /** Sums outlive the scope that computed them; what they replace is freed. */
  add(terms: readonly (Tensor | undefined)[]): void {
    terms.forEach((term, i) => {
      if (!term) return;
      const before = this.held[i];
      this.held[i] = keep(before ? add(to(before, "float32"), to(term, "float32")) : term);
      if (before) release(before);
    });
  }

  /** The sums, in the current scope's care. */
  total(): readonly (Tensor | undefined)[] {
    return handOver(this.held);
  }
}
