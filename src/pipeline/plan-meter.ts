import { compose, type MethodStates, type Methods, replaceStates } from "../continual/compose.ts";
import type { PairBatch } from "../continual/gradients.ts";
import type { Held, RowInfo, RunFacts, SeenRows, TaskContext } from "../continual/method.ts";
import { requireGrad } from "../engine/grad.ts";
import { memory, resetPeak } from "../engine/memory.ts";
import { meter, meterAsync } from "../engine/meter.ts";
import { shapesOnHost } from "../engine/offload.ts";
import { zeros } from "../engine/ops.ts";
import { keep, release, scope, tensorsIn } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import { buffers, parameters } from "../models/parameters.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import { closeLearner, createLearner, learn, type StepOptions } from "../training/step.ts";
import { createRandom } from "../util/random.ts";

/** A batch as its shapes: texts in full, images by their number. */
export type PlannedBatch = Omit<PairBatch, "pixels">;

/** What one step costs, counted by the engine on shapes. */
export interface MeteredStep {
  /** Matrix products, convolutions and attention, forward and backward, by what the kernels really do. */
  readonly flops: number;
  /** What of that is computed again: gradient caching and activation checkpointing throw results away. */
  readonly recomputed: number;
  /** Entries that everything else reads or writes. */
  readonly elements: number;
  /** Highest sum of the bytes of live tensors: weights, moments, gradients and activations. */
  readonly peakBytes: number;
  /** What the optimizer keeps between steps. */
  readonly momentBytes: number;
  /** What methods keep between steps at the most, adapters among it. */
  readonly stateBytes: number;
  /** What of that lies in the host's memory, and in no peak. */
  readonly hostBytes: number;
  /** What methods leave in files beside the checkpoints. */
  readonly expertBytes: number;
  /** Parameters that learn and that no loss reaches, by name. */
  readonly unreached: readonly string[];
  /** FLOPs of what methods do before the first step of a run. */
  readonly startFlops: number;
  /** What methods do around tasks: the work of a task's end that looks at one batch, and the highest sum of live bytes in all of it. */
  readonly between: { readonly flops: number; readonly elements: number; readonly peakBytes: number };
}

/** What a planned step is taken with, beside the model. */
export interface PlannedMethods {
  readonly methods: Methods;
  readonly facts: RunFacts;
  /** Of the batch; all of the update pool when absent. */
  readonly rows?: readonly RowInfo[];
  readonly course?: PlannedCourse;
}

/** Tasks and texts of a run, for methods that look at them; without them a task has two steps of the planned rows, and every text fills its context. */
export interface PlannedCourse {
  /** Steps of each task. */
  readonly steps: readonly number[];
  readonly seen: SeenRows;
  tokens(texts: readonly string[]): TokenBatch;
}

/**
 * The step of a run with every part of it, on tensors that have shapes and no data: no weights, no images, however large the model. The methods are those of a second task, whose
 * memories are filled, where the run has one. The peak of memory is exact where the engine's kernels are those of the run.
 */
export async function meterStep(
  config: ClipConfig,
  options: StepOptions,
  batch: PlannedBatch,
  planned?: PlannedMethods,
): Promise<MeteredStep> {
  const before = memory().metaLive;
  const model = scope(() => keep(modelOfShapes(config)));
  const methods = planned?.methods ?? compose([]);
  const adapters = methods.adapt(model, { task: 0, random: createRandom(0) });
  const whole = adapters ? { ...model, adapters } : model;
  const origin = new ShapesOfOrigin(config);
  const task = Math.min(2, planned?.facts.tasks ?? 2) - 1;
  let steady: SteadyStates = { states: [], ended: [], startFlops: 0, flops: 0, elements: 0, peakBytes: before };
  let states: MethodStates = [];
  const taken = createLearner(whole, options, { methods });
  try {
    if (planned) {
      requireGrad(taken.leaves, false);
      steady = await steadyStates(methods, task, (at) => shapeContext(whole, { ...planned, origin, batch }, at));
      ({ states } = steady);
      requireGrad(taken.leaves);
    }
    const started = states.map(sizesOf);
    const { flops, recomputed, elements, metaPeakBytes, result } = scope(() => {
      const rows = planned?.rows ?? [];
      const input = { multiplier: 1, step: 1, at: { task, step: 1 }, rows, states };
      return meter(() => learn(taken, { ...batch, pixels: pixelsOfShape(config, batch.textOf.length) }, input));
    });
    replaceStates(states, result.states);
    states = result.states;
    const lengths = planned?.course?.steps ?? [];
    const held = await methods.held(planned?.facts.tasks ?? 1, lengths.length > 0 ? Math.max(...lengths) : Number.POSITIVE_INFINITY);
    const found = memoryOf({ started, stepped: states.map(sizesOf), ended: steady.ended }, held, {
      model: bytesOf(model.weights),
      adapters: bytesOf(adapters?.weights),
    });
    return {
      flops,
      recomputed,
      elements,
      peakBytes: metaPeakBytes - before + found.more,
      momentBytes: bytesOf(taken.moments),
      stateBytes: found.stateBytes,
      hostBytes: found.hostBytes,
      expertBytes: found.expertBytes,
      unreached: result.unreached,
      startFlops: steady.startFlops,
      between: { flops: steady.flops, elements: steady.elements, peakBytes: steady.peakBytes - before + found.more },
    };
  } finally {
    closeLearner(taken);
    release([model, adapters, states, origin.held]);
  }
}

const bytesOf = (of: unknown): number => 4 * [...tensorsIn(of)].reduce((sum, { size }) => sum + size, 0);

/** Bytes of a state: all of it, and what of it lies on the device. */
interface Sizes {
  readonly all: number;
  readonly device: number;
}

function sizesOf(state: unknown): Sizes {
  const all = bytesOf(state);
  return { all, device: all - bytesOf(shapesOnHost(state)) };
}

const nothing: Sizes = { all: 0, device: 0 };

/** Each method's state as the planned task starts, after its step, and after its end. */
interface StateSizes {
  readonly started: readonly Sizes[];
  readonly stepped: readonly Sizes[];
  readonly ended: readonly Sizes[];
}

/** What states take at the most, what of it the host's memory, how much more of the device's that is than as the task starts, and what lies in files. */
function memoryOf(
  { started, stepped, ended }: StateSizes,
  held: readonly Held[],
  each: { readonly model: number; readonly adapters: number },
): { readonly stateBytes: number; readonly hostBytes: number; readonly more: number; readonly expertBytes: number } {
  let [stateBytes, hostBytes, more, expertBytes] = [each.adapters, 0, 0, 0];
  for (const [i, { models = 0, adapterSets = 0, experts = 0, statistics = 0, isAway = false }] of held.entries()) {
    const [before, after, end] = [started[i] ?? nothing, stepped[i] ?? nothing, ended[i] ?? nothing];
    const beyond = models * each.model + adapterSets * each.adapters;
    // What the step was the first to remember is there while the next one works.
    more += Math.max(isAway ? 0 : beyond, after.device - before.device);
    stateBytes += Math.max(before.all + Math.max(beyond, after.all - before.all), end.all + beyond);
    hostBytes += Math.max(after.all - after.device, end.all - end.device) + (isAway ? beyond : 0);
    expertBytes += experts * each.model + statistics * end.all;
  }
  return { stateBytes, hostBytes, more, expertBytes };
}

/** What {@link steadyStates} gives; the states are the caller's to release. */
interface SteadyStates {
  readonly states: MethodStates;
  /** Of each state after the end of the task. */
  readonly ended: readonly Sizes[];
  readonly startFlops: number;
  /** Of the end of the task. */
  readonly flops: number;
  readonly elements: number;
  readonly peakBytes: number;
}

/** The methods' states in a task, the run's first or second: there what they remember is there. With what it took to get there and takes to end it. */
async function steadyStates(methods: Methods, task: number, contextOf: (task: number) => TaskContext): Promise<SteadyStates> {
  resetPeak();
  const start = await meterAsync(async () => {
    const initial = await methods.init(contextOf(0));
    const begun = await methods.startTask(contextOf(0), initial);
    replaceStates(initial, begun);
    return begun;
  });
  let states = start.result;
  const move = (next: MethodStates): void => {
    replaceStates(states, next);
    states = next;
  };
  if (task > 0) {
    move(await methods.endTask(contextOf(0), states));
    move(await methods.shipped(contextOf(0).model.weights, contextOf(0), states));
    move(await methods.startTask(contextOf(1), states));
  }
  const earlier = Math.max(start.metaPeakBytes, memory().metaPeak);
  const end = await meterAsync(() => methods.endTask(contextOf(task), states));
  const ended = end.result.map(sizesOf);
  // Only what it takes was asked for.
  replaceStates(end.result, states);
  const { flops, elements } = end;
  return { states, ended, startFlops: start.flops, flops, elements, peakBytes: Math.max(earlier, end.metaPeakBytes) };
}

/** The weights that a run began with, as shapes: a run holds them once a method has asked. */
class ShapesOfOrigin {
  private readonly config: ClipConfig;
  held: Weights | undefined;

  constructor(config: ClipConfig) {
    this.config = config;
  }

  async weights(): Promise<Weights> {
    this.held ??= scope(() => keep(weightsOfShapes(this.config)));
    return this.held;
  }
}

/** A task of a model of shapes: one batch of its own, the planned rows in each of its steps, no files. */
function shapeContext(
  model: Clip,
  { facts, rows = [], course, origin, batch }: PlannedMethods & { readonly origin: ShapesOfOrigin; readonly batch: PlannedBatch },
  task: number,
): TaskContext {
  return {
    task,
    steps: course?.steps[task] ?? 2,
    seen: course?.seen ?? Object.assign(() => rows, { roles: () => rows.map(({ role }) => role) }),
    tokens: (texts) => course?.tokens(texts) ?? fullBatch(model.config, texts.length).texts,
    run: facts,
    model,
    learns: () => true,
    origin: () => origin.weights(),
    score: async () => ({}),
    probe: async () => undefined,
    experts: {
      put: () => undefined,
      get: async () => new Map(),
    },
    warn: () => undefined,
    async *batches({ batchSize }) {
      const pixels = scope(() => keep(pixelsOfShape(model.config, batchSize)));
      try {
        // Texts as long as the run's own, where a planned batch is of that size.
        yield { ...(batch.textOf.length === batchSize ? batch : fullBatch(model.config, batchSize)), pixels };
      } finally {
        release(pixels);
      }
    },
  };
}

/** Images of a model's size. */
export function pixelsOfShape({ vision: { imageSize } }: ClipConfig, rows: number): Tensor {
  return zeros([rows, 3, imageSize, imageSize], "float32", "meta");
}

const weightsOfShapes = (config: ClipConfig): Weights =>
  new Map(parameters(config).map(({ name, shape }) => [name, zeros(shape, "float32", "meta")]));

/** A model whose tensors have shapes and no data, in the current scope. */
export function modelOfShapes(config: ClipConfig): Clip {
  return {
    config,
    weights: weightsOfShapes(config),
    buffers: new Map(buffers(config).map(({ name, shape, dtype }) => [name, zeros(shape, dtype === "I64" ? "int64" : "float32", "meta")])),
  };
}

/** Parameters of a model and of the adapters that methods put beside it. */
export function namedShapes(config: ClipConfig, methods: Methods): readonly { readonly name: string; readonly shape: readonly number[] }[] {
  return scope(() => {
    const adapters = methods.adapt(modelOfShapes(config), { task: 0, random: createRandom(0) });
    const beside = [...(adapters?.weights ?? [])].map(([name, { shape }]) => ({ name, shape }));
    release(adapters);
    return [...parameters(config), ...beside];
  });
}

/** As many distinct texts as pairs, each filling the context: the most that a batch can cost. */
export function fullBatch(config: ClipConfig, batchSize: number): PlannedBatch {
  const length = config.text.contextLength;
  const texts: TokenBatch = {
    rows: batchSize,
    length,
    ids: Int32Array.from({ length: batchSize * length }, (_, i) => (i % length === length - 1 ? 2 : 1)),
  };
  return { texts, textOf: Int32Array.from({ length: batchSize }, (_, i) => i) };
}
