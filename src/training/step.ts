import { compose, type MethodStates, type Methods } from "../continual/compose.ts";
import {
  contrastiveLoss,
  type Features,
  type GradientOptions,
  knownValue,
  type LossPlan,
  lossAndGradients,
  ofImages,
  type PairBatch,
} from "../continual/gradients.ts";
import type { AppliedStep, FeatureContext, RowInfo, StepIndex } from "../continual/method.ts";
import { asTeacher, embedImagesUnder, embedUnder, imagesOf, pairsOf } from "../continual/teacher.ts";
import { noGrad, requireGrad, withGrad } from "../engine/grad.ts";
import { add, clampInPlace, clone, copyInto, globalNorm, to } from "../engine/ops.ts";
import { keep, release, scope } from "../engine/scope.ts";
import { scalar, type Tensor, type Weights } from "../engine/tensor.ts";
import { type Clip, type ComputeWeights, computeWeights, type Precision } from "../models/clip.ts";
import type { OptimizerDefinition, OptimizerState, Slot } from "../nn/optimizer.ts";
import { EvergreenError } from "../util/errors.ts";

/** How a parameter learns: its rate at multiplier 1, and its decay. */
export interface Group {
  readonly learningRate: number;
  readonly decay: number;
}

export interface StepOptions extends Omit<GradientOptions, "plan"> {
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

/** Where and with what a step is taken. */
export interface StepInput {
  /** The schedule's, in [0, 1]. */
  readonly multiplier: number;
  /** Applied steps since the moments were made, from 0. */
  readonly step: number;
  /** Of the run; needed where a method asks. */
  readonly at?: StepIndex;
  /** Of the batch, pair by pair; needed where a method asks. */
  readonly rows?: readonly RowInfo[];
  readonly states?: MethodStates;
}

/** What one optimizer step did. `applied` is false when loss or gradients were not finite; nothing has moved then. */
export interface StepResult {
  readonly applied: boolean;
  /** All that was minimised, penalties included. */
  readonly loss: number;
  /** What methods added to it, by name. */
  readonly terms: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  readonly logitScale: number;
  /** Parameters that learn and that the loss does not reach, by name. */
  readonly unreached: readonly string[];
  /** The methods' states after the step. */
  readonly states: MethodStates;
}

/** A model in training: its weights, the copies it computes with and the optimizer's moments, all owned here until {@link closeLearner}. */
export interface Learner {
  readonly model: Clip;
  readonly compute: ComputeWeights;
  readonly moments: OptimizerState;
  readonly options: StepOptions;
  readonly methods: Methods;
  readonly slots: readonly Slot[];
  readonly leaves: readonly Tensor[];
}

/** Puts a model in training. Moments are those of a checkpoint, or fresh ones. The model's weights are changed in place from here on. */
export function createLearner(
  model: Clip,
  options: StepOptions,
  { moments, methods = compose([]) }: { readonly moments?: OptimizerState | undefined; readonly methods?: Methods } = {},
): Learner {
  const own = new Set([...model.weights.values(), ...(model.adapters?.weights.values() ?? [])]);
  return scope(() => {
    const computed = computeWeights(model, options.precision, "moving");
    keep([...computed.weights.values()].filter((each) => !own.has(each)));
    const slots: Slot[] = [];
    const leaves: Tensor[] = [];
    for (const [name, weight] of [...model.weights, ...(model.adapters?.weights ?? [])]) {
      const group = groupOf({ options, methods }, name, weight);
      if (!group) continue;
      const leaf = computed.weights.get(name) as Tensor;
      const { rate, decay } = methods.group(name);
      const moved = { learningRate: group.learningRate * rate, decay: group.decay * decay };
      slots.push({ name, weight, ...(leaf === weight ? {} : { copy: leaf }), ...moved });
      leaves.push(leaf);
    }
    requireGrad(leaves);
    // An image tower of which nothing learns is as frozen as its weights: it sees what it sees when it is evaluated, and batch norm's statistics stay.
    const compute = slots.some(({ name }) => ofImages(name)) ? computed : { ...computed, statistics: "running" as const };
    return { model, compute, moments: moments ?? freshMoments({ options, slots }), options, methods, slots, leaves };
  });
}

/** How a parameter learns, if it does: what the run trains and every method lets learn. */
export function groupOf({ options, methods }: Pick<Learner, "options" | "methods">, name: string, weight: Tensor): Group | undefined {
  return methods.trainable(name) ? options.group(name, weight.shape) : undefined;
}

/** Frees the copies and moments, and takes the model out of training. */
export function closeLearner({ model, compute, moments, leaves }: Learner): void {
  requireGrad(leaves, false);
  const own = new Set([...model.weights.values(), ...model.buffers.values(), ...(model.adapters?.weights.values() ?? [])]);
  release([moments, [...compute.weights.values()].filter((each) => !own.has(each))]);
}

/** Moments before a first step; they live until they are released. */
function freshMoments({ options, slots }: Pick<Learner, "options" | "slots">): OptimizerState {
  const learning: Weights = new Map(slots.map((slot) => [slot.name, slot.weight]));
  return scope(() => keep(options.optimizer.init(learning, options.optimizerOptions)));
}

/** A slot with its gradient. */
interface Moved {
  readonly slot: Slot;
  readonly gradient: Tensor;
}

/**
 * One optimizer step on a joined batch. The loss alone records a graph: what hooks make of the weights carries none.
 * @throws {EvergreenError} where nothing learns.
 */
export function learn(learner: Learner, batch: PairBatch, input: StepInput): StepResult {
  if (learner.slots.length === 0) throw nothingLearns(learner.methods);
  return scope(() => noGrad(() => takeStep(learner, batch, input)));
}

function nothingLearns({ list }: Methods): EvergreenError {
  const under = list.length > 0 ? `model.train and ${list.map(({ name }) => name).join(" and ")} together` : "model.train";
  return new EvergreenError(`nothing learns: ${under} freeze every parameter`, {
    code: "EG-3112",
    exit: "config",
    fix: "let one of them train what the others leave free; of methods that each train a part of the model take one",
  });
}

function takeStep(learner: Learner, batch: PairBatch, input: StepInput): StepResult {
  const { options, compute, slots, leaves, methods } = learner;
  const states = input.states ?? [];
  const plan = lossPlan(learner, batch, input);
  const found = withGrad(() => lossAndGradients(compute, batch, leaves, { ...options, ...(plan ? { plan } : {}) }));
  const task = new Map(slots.flatMap(({ name }, i) => (found.gradients[i] ? [[name, found.gradients[i] as Tensor] as const] : [])));
  // Pulls are a part of what is minimised: an edit that only saw the task's gradient would let them undo what it is for.
  const pulled = penalised(learner, task, states);
  const gradients = edited(learner, batch, pulled.gradients, input);
  const moved = slots.flatMap((slot): Moved[] => {
    const gradient = gradients.get(slot.name);
    return gradient ? [{ slot: { ...slot, learningRate: slot.learningRate * input.multiplier }, gradient }] : [];
  });
  const terms = { ...found.terms, ...pulled.terms };
  const loss = found.loss + Object.values(pulled.terms).reduce((sum, value) => sum + value, 0);
  const logitScale = (): number => knownValue(learner.model.weights.get("logit_scale") as Tensor);
  const gradientNorm = moved.length > 0 ? knownValue(globalNorm(moved.map(({ gradient }) => gradient))) : Number.NaN;
  const unreached = slots.flatMap(({ name }) => (task.has(name) ? [] : [name]));
  const result = { loss, terms, gradientNorm, unreached };
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) return { ...result, applied: false, logitScale: logitScale(), states };
  const seenScale = Math.exp(logitScale());
  const before = methods.needsBefore ? new Map(slots.map(({ name, weight }) => [name, clone(weight)])) : undefined;
  apply(learner, moved, { step: input.step, gradientNorm });
  if (!methods.looksBack) return { ...result, applied: true, logitScale: logitScale(), states };
  const applied: AppliedStep = {
    at: input.at ?? { task: 0, step: input.step },
    model: learner.model,
    ...(before ? { before } : {}),
    gradients: task,
    moments: learner.moments,
    features: found.features,
    scale: seenScale,
    rows: input.rows ?? [],
    learningRate: rateFinder(moved),
  };
  const next = methods.afterStep(applied, states);
  rewrite(learner, methods.rewrite(applied, next));
  return { ...result, applied: true, logitScale: logitScale(), states: next };
}

function apply(learner: Learner, moved: readonly Moved[], at: { readonly step: number; readonly gradientNorm: number }): void {
  const { options, slots, moments } = learner;
  // As torch.nn.utils.clip_grad_norm_ does.
  const scale = scalar(options.clipNorm > 0 ? Math.min(1, options.clipNorm / (at.gradientNorm + 1e-6)) : 1);
  options.optimizer.step(
    moved.map(({ slot }) => slot),
    moved.map(({ gradient }) => gradient),
    moments,
    { step: at.step + 1, scale, options: options.optimizerOptions },
  );
  if (options.clampLogitScale) clampLogitScale(slots);
}

const rateFinder = (moved: readonly Moved[]): ((name: string) => number) => {
  const rates = new Map(moved.map(({ slot }) => [slot.name, slot.learningRate]));
  return (name) => rates.get(name) ?? 0;
};

/** What methods make of the loss; undefined where it is the objective over all pairs. */
function lossPlan({ methods, model, compute, options }: Learner, batch: PairBatch, input: StepInput): LossPlan | undefined {
  const { rows = [], at = { task: 0, step: input.step } } = input;
  const over = rows.flatMap(({ role }, i) => (methods.isContrastive(role, at) ? [i] : []));
  const isWhole = over.length === rows.length;
  if (isWhole && !methods.hasTerms) return undefined;
  const teacher = (weights: Weights): ComputeWeights => asTeacher(weights, options.precision, model);
  const contextOf = (seen: Features): FeatureContext => ({
    ...seen,
    at,
    rows,
    contrastive: (some) => contrastiveLoss(options.objective, withBias(compute, seen), { over: some, excluded: batch.excluded }),
    embed: (weights, some) => embedUnder(teacher(weights), pairsOf(batch, some), options.microBatch),
    embedImages: (weights, some) => embedImagesUnder(teacher(weights), imagesOf(batch, some), options.microBatch),
  });
  return { ...(isWhole ? {} : { contrastive: over }), terms: (seen) => methods.terms(contextOf(seen), input.states ?? []) };
}

const withBias = ({ weights }: ComputeWeights, seen: Features): Features & { readonly bias?: Tensor } => {
  const bias = weights.get("logit_bias");
  return bias ? { ...seen, bias } : seen;
};

function edited({ methods, compute, leaves, slots, options }: Learner, batch: PairBatch, whole: Weights, input: StepInput): Weights {
  if (!methods.editsGradients) return whole;
  const gradientsOf = (over: readonly number[]): Weights => {
    const { gradients } = withGrad(() => lossAndGradients(compute, batch, leaves, { ...options, plan: { contrastive: over } }));
    return new Map(slots.flatMap(({ name }, i) => (gradients[i] ? [[name, gradients[i] as Tensor] as const] : [])));
  };
  const at = input.at ?? { task: 0, step: input.step };
  return methods.gradients(whole, { at, rows: input.rows ?? [], gradientsOf }, input.states ?? []);
}

/** Gradients with every pull on a weight added, and the pulls' value. */
function penalised(
  { methods, slots }: Learner,
  gradients: Weights,
  states: MethodStates,
): { readonly gradients: Weights; readonly terms: Readonly<Record<string, number>> } {
  const values: Tensor[] = [];
  const sums = new Map(gradients);
  for (const { name, weight } of slots) {
    const pull = methods.penalty(name, weight, states);
    if (!pull) continue;
    values.push(pull.value);
    const gradient = gradients.get(name);
    sums.set(name, gradient ? add(to(gradient, "float32"), pull.gradient) : pull.gradient);
  }
  return { gradients: sums, terms: values.length > 0 ? { penalty: knownValue(values.reduce((a, b) => add(a, b))) } : {} };
}

function rewrite({ slots, model, compute }: Learner, weights: Weights | undefined): void {
  if (!weights) return;
  for (const [name, value] of weights) {
    const weight = model.weights.get(name) ?? slots.find((slot) => slot.name === name)?.weight;
    if (!weight) throw new Error(`internal: a method rewrites ${name}, which the model lacks`);
    copyInto(weight, value);
    const copy = compute.weights.get(name);
    if (copy && copy !== weight) copyInto(copy, value);
  }
}

function clampLogitScale(slots: readonly Slot[]): void {
  const slot = slots.find(({ name }) => name === "logit_scale");
  if (slot) clampInPlace(slot.weight, 0, Math.log(100));
}
