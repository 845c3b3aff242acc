import { requireGrad } from "../engine/grad.ts";
import { clampInPlace, globalNorm } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { scalar, type Tensor, type Weights } from "../engine/tensor.ts";
import { type Clip, type ComputeWeights, computeWeights, type Precision } from "../models/clip.ts";
import type { OptimizerDefinition, OptimizerState, Slot } from "../nn/optimizer.ts";
import { type GradientOptions, knownValue, lossAndGradients, type PairBatch } from "./gradients.ts";

/** How a parameter learns: its rate at multiplier 1, and its decay. */
export interface Group {
  readonly learningRate: number;
  readonly decay: number;
}

export interface StepOptions extends GradientOptions {
  readonly precision: Precision;
  readonly optimizer: OptimizerDefinition;
  readonly optimizerOptions: unknown;
  /** undefined for a parameter that does not learn. */
  group(name: string, shape: readonly number[]): Group | undefined;
  /** Limit of the global gradient norm; 0 turns clipping off. */
  readonly clipNorm: number;
  /** Clamps logit_scale to [0, ln 100] after each step. */
  readonly clampLogitScale: boolean;
}

/** What one optimizer step did. `applied` is false when loss or gradients were not finite; nothing has moved then. */
export interface StepResult {
  readonly applied: boolean;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly logitScale: number;
}

/** A model in training: its weights, the copies it computes with and the optimizer's moments, all owned here until {@link release} of them. */
export interface Learner {
  readonly model: Clip;
  readonly compute: ComputeWeights;
  readonly moments: OptimizerState;
  readonly options: StepOptions;
  readonly slots: readonly Slot[];
  readonly leaves: readonly Tensor[];
}

/** Puts a model in training. `moments` are those of a checkpoint, or fresh ones. The model's weights are changed in place from here on. */
export function createLearner(model: Clip, options: StepOptions, moments?: OptimizerState): Learner {
  return scope(() => {
    const compute = keep(computeWeights(model, options.precision, "moving"));
    const slots: Slot[] = [];
    const leaves: Tensor[] = [];
    for (const [name, weight] of model.weights) {
      const group = options.group(name, weight.shape);
      if (!group) continue;
      const leaf = compute.weights.get(name) as Tensor;
      slots.push({ name, weight, ...(leaf === weight ? {} : { copy: leaf }), ...group });
      leaves.push(leaf);
    }
    requireGrad(leaves);
    return { model, compute, moments: moments ?? freshMoments({ options, slots }), options, slots, leaves };
  });
}

/** Moments before a first step; they live until they are released. */
export function freshMoments({ options, slots }: Pick<Learner, "options" | "slots">): OptimizerState {
  const learning: Weights = new Map(slots.map((slot) => [slot.name, slot.weight]));
  return scope(() => keep(options.optimizer.init(learning)));
}

/**
 * One optimizer step on a joined batch.
 * @param at.multiplier The schedule's, in [0, 1]. @param at.step Applied steps since the moments were made, from 0.
 */
export function learn(learner: Learner, batch: PairBatch, at: { readonly multiplier: number; readonly step: number }): StepResult {
  const { options, compute, slots, leaves } = learner;
  return scope(() => {
    const { loss, gradients } = lossAndGradients(compute, batch, leaves, options);
    const moved = slots.flatMap((slot, i) => {
      const gradient = gradients[i];
      return gradient ? [{ slot: { ...slot, learningRate: slot.learningRate * at.multiplier }, gradient }] : [];
    });
    const logitScale = (): number => knownValue(learner.model.weights.get("logit_scale") as Tensor);
    const gradientNorm = moved.length > 0 ? knownValue(globalNorm(moved.map(({ gradient }) => gradient))) : Number.NaN;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) return { applied: false, loss, gradientNorm, logitScale: logitScale() };
    // As torch.nn.utils.clip_grad_norm_ does.
    const scale = scalar(options.clipNorm > 0 ? Math.min(1, options.clipNorm / (gradientNorm + 1e-6)) : 1);
    options.optimizer.step(
      moved.map(({ slot }) => slot),
      moved.map(({ gradient }) => gradient),
      learner.moments,
      { step: at.step + 1, scale, options: options.optimizerOptions },
    );
    if (options.clampLogitScale) clampLogitScale(slots);
    return { applied: true, loss, gradientNorm, logitScale: logitScale() };
  });
}

function clampLogitScale(slots: readonly Slot[]): void {
  const slot = slots.find(({ name }) => name === "logit_scale");
  if (slot) clampInPlace(slot.weight, 0, Math.log(100));
}
