import { lossAndGradients, type PairBatch } from "../../src/continual/gradients.ts";
import { requireGrad } from "../../src/engine/grad.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { type Clip, computeWeights } from "../../src/models/clip.ts";
import { stateTensors } from "../../src/models/parameters.ts";
import type { ObjectiveDefinition } from "../../src/nn/objective.ts";
import adamw from "../../src/nn/optimizers/adamw.ts";
import { createLearner, learn, type StepOptions } from "../../src/training/step.ts";
import { filled, filledModel, pixels, sketch } from "./filled-weights.ts";
import { norm, tokenBatch } from "./vectors.ts";

/** What scripts/vectors/common/train_loop.py keeps of a tensor. Movement and gradient leave out key biases. */
interface TensorRecord {
  readonly norm: number;
  readonly first: readonly number[];
  readonly sketch: readonly number[];
}
interface EndRecord extends TensorRecord {
  readonly sum: number;
  readonly moved: number;
}
export interface TrainingCase {
  readonly lr: number;
  readonly steps: number;
  readonly batch: number;
  readonly start?: Readonly<Record<string, number>>;
  readonly pixels: readonly [string, readonly number[]];
  readonly losses: readonly number[];
  readonly learningRates: readonly number[];
  readonly gradientNorms: readonly number[];
  readonly logitScales: readonly number[];
  readonly gradients?: Readonly<Record<string, TensorRecord>>;
  readonly tensors?: Readonly<Record<string, EndRecord>>;
}
export type Ranges = readonly (readonly [string, number, number])[];

export interface Setting {
  readonly config: unknown;
  readonly case: TrainingCase;
  readonly ids: readonly (readonly number[])[];
  readonly zeroGradient: Ranges;
  readonly objective: ObjectiveDefinition;
  readonly microBatch?: number;
  readonly precision?: "fp32" | "bf16";
}

/** OpenCLIP's rule of who decays (open_clip_train/main.py). */
function decays(name: string, shape: readonly number[]): boolean {
  return !(shape.length < 2 || /bn|ln|bias|logit_scale/.test(name));
}

function optionsOf(setting: Setting): StepOptions {
  return {
    precision: setting.precision ?? "fp32",
    objective: setting.objective,
    checkpointing: false,
    ...(setting.microBatch === undefined ? {} : { microBatch: setting.microBatch }),
    optimizer: adamw,
    optimizerOptions: { betas: [0.9, 0.98], eps: 1e-6 },
    group: (name, shape) => ({ learningRate: setting.case.lr, decay: decays(name, shape) ? 0.2 : 0 }),
    clipNorm: 1,
    clampLogitScale: true,
  };
}

function batchOf(setting: Setting): PairBatch {
  const [name, shape] = setting.case.pixels;
  return {
    pixels: tensor(pixels(name, shape), shape, "float32"),
    texts: tokenBatch(setting.ids),
    textOf: Int32Array.from(setting.ids, (_, row) => row),
  };
}

export interface Trained {
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
  readonly logitScales: readonly number[];
  readonly end: ReadonlyMap<string, Float32Array>;
}

/** The case's steps by our engine from the same filled weights. */
export function train(setting: Setting): Trained {
  return scope(() => {
    const model = filledModel(setting.config, setting.case.start);
    const learner = createLearner(model, optionsOf(setting));
    const batch = batchOf(setting);
    const results = setting.case.learningRates.map((rate, step) => learn(learner, batch, { multiplier: rate / setting.case.lr, step }));
    const end = entriesOf(model);
    release(learner.moments);
    return {
      losses: results.map((result) => result.loss),
      gradientNorms: results.map((result) => result.gradientNorm),
      logitScales: results.map((result) => result.logitScale),
      end,
    };
  });
}

function entriesOf(model: Clip): ReadonlyMap<string, Float32Array> {
  const floats = [...model.weights, ...model.buffers].filter(([, value]) => value.dtype === "float32");
  return new Map(floats.map(([name, value]) => [name, readFloats(value)]));
}

/** Gradients of the first step by parameter, before clipping. */
export function firstGradients(setting: Setting): ReadonlyMap<string, Float32Array> {
  return scope(() => {
    const model = filledModel(setting.config, setting.case.start);
    const leaves = [...model.weights.values()];
    requireGrad(leaves);
    const { gradients } = lossAndGradients(computeWeights(model, "fp32", "moving"), batchOf(setting), leaves, optionsOf(setting));
    return new Map([...model.weights.keys()].map((name, i) => [name, readFloats(gradients[i] as Tensor)]));
  });
}

function without(name: string, values: Float64Array, ranges: Ranges): Float64Array {
  for (const [other, from, to] of ranges) if (other === name) values.fill(0, from, to);
  return values;
}

/** ‖ours − OpenCLIP's‖ as the sketches estimate it. */
function distance(name: string, ours: Float64Array, theirs: readonly number[]): number {
  const mine = sketch(name, ours);
  return norm(mine.map((value, k) => value - (theirs[k] ?? Number.NaN))) / Math.sqrt(theirs.length);
}

/** For every tensor the distance between our movement and OpenCLIP's, key biases left out. */
export function movementErrors(
  setting: Setting,
  end: Trained["end"],
): { readonly name: string; readonly error: number; readonly moved: number }[] {
  return Object.entries(setting.case.tensors ?? {}).map(([name, record]) => {
    const last = end.get(name);
    if (!last) throw new Error(`our model has no ${name}`);
    const replaced = setting.case.start?.[name];
    const first = replaced === undefined ? filled(name, shapeOf(setting, name)) : Float32Array.of(replaced);
    const moved = without(
      name,
      Float64Array.from(last, (value, i) => value - (first[i] ?? Number.NaN)),
      setting.zeroGradient,
    );
    return { name, error: distance(name, moved, record.sketch), moved: record.moved };
  });
}

/** For every parameter the distance between our first gradient and OpenCLIP's, relative to that gradient's norm. */
export function gradientErrors(
  setting: Setting,
  gradients: ReadonlyMap<string, Float32Array>,
): { readonly name: string; readonly error: number }[] {
  const records = Object.entries(setting.case.gradients ?? {});
  return records.map(([name, record]) => {
    const ours = without(name, Float64Array.from(gradients.get(name) ?? []), setting.zeroGradient);
    return { name, error: distance(name, ours, record.sketch) / (record.norm || 1) };
  });
}

function shapeOf(setting: Setting, name: string): readonly number[] {
  return stateTensors(parseModelConfig(setting.config, "vectors")).find((entry) => entry.name === name)?.shape ?? [];
}
