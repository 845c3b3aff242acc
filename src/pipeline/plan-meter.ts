import { memory } from "../engine/memory.ts";
import { meter } from "../engine/meter.ts";
import { zeros } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import { buffers, parameters } from "../models/parameters.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import type { PairBatch } from "../continual/gradients.ts";
import { createLearner, learn, type StepOptions } from "../training/step.ts";

/** A batch as its shapes: texts in full, images by their number. */
export type PlannedBatch = Omit<PairBatch, "pixels">;

/** What one step costs, counted by the engine on shapes. */
export interface MeteredStep {
  /** Matrix products, convolutions and attention, forward and backward, by what the kernels really do. */
  readonly flops: number;
  /** Entries that everything else reads or writes. */
  readonly elements: number;
  /** Highest sum of the bytes of live tensors: weights, moments, gradients and activations. */
  readonly peakBytes: number;
  /** What the optimizer keeps between steps. */
  readonly momentBytes: number;
}

/**
 * The step of a run with every part of it, on tensors that have shapes and no data: no weights, no images, however large the model. The peak of memory
 * is exact where the engine's kernels are those of the run.
 */
export function meterStep(config: ClipConfig, options: StepOptions, batch: PlannedBatch): MeteredStep {
  return scope(() => {
    const before = memory().metaLive;
    const learner = createLearner(modelOfShapes(config), options);
    try {
      const side = config.vision.imageSize;
      const pixels = zeros([batch.textOf.length, 3, side, side], "float32", "meta");
      const { flops, elements, metaPeakBytes } = meter(() => learn(learner, { ...batch, pixels }, { multiplier: 1, step: 1 }));
      const moments = Object.values(learner.moments).flatMap((weights) => [...weights.values()]);
      const momentBytes = 4 * moments.reduce((sum, { size }) => sum + size, 0);
      return { flops, elements, peakBytes: metaPeakBytes - before, momentBytes };
    } finally {
      release([learner.moments, [...learner.compute.weights.values(), ...learner.compute.buffers.values()]]);
    }
  });
}

function modelOfShapes(config: ClipConfig): Clip {
  return {
    config,
    weights: new Map(parameters(config).map(({ name, shape }) => [name, zeros(shape, "float32", "meta")])),
    buffers: new Map(buffers(config).map(({ name, shape, dtype }) => [name, zeros(shape, dtype === "I64" ? "int64" : "float32", "meta")])),
  };
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
