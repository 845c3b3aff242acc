import type { PairBatch } from "../../src/continual/gradients.ts";
import { type Tensor, tensor } from "../../src/engine/tensor.ts";
import type { Clip } from "../../src/models/clip.ts";
import clip from "../../src/nn/objectives/clip.ts";
import adamw from "../../src/nn/optimizers/adamw.ts";
import type { StepOptions } from "../../src/training/step.ts";
import { filledModel, pixels } from "./filled-weights.ts";

const text = { context_length: 16, vocab_size: 128, width: 64, heads: 2, layers: 2 };

/** A model of each kind, small enough for a step in milliseconds. */
export const smallConfigs = {
  vit: { embed_dim: 32, vision_cfg: { image_size: 32, layers: 2, width: 64, head_width: 32, patch_size: 8 }, text_cfg: text },
  resnet: { embed_dim: 32, vision_cfg: { image_size: 64, layers: [1, 1, 1, 1], width: 8, head_width: 32 }, text_cfg: text },
} as const;
export type SmallKind = keyof typeof smallConfigs;

export const smallModel = (kind: SmallKind): Clip => filledModel(smallConfigs[kind]);

/** B pairs of filled pixels and of distinct texts that fill the context. */
export function smallBatch(kind: SmallKind, size = 4): PairBatch {
  const side = smallConfigs[kind].vision_cfg.image_size;
  const length = text.context_length;
  const ids = new Int32Array(size * length).map((_, i) => (i % length === length - 1 ? text.vocab_size - 1 : 1 + ((i * 7) % 120)));
  return {
    pixels: tensor(pixels("small", [size, 3, side, side]), [size, 3, side, side], "float32"),
    texts: { ids, rows: size, length },
    textOf: Int32Array.from({ length: size }, (_, i) => i),
  };
}

export const stepOptions = (more: Partial<StepOptions> = {}): StepOptions => ({
  precision: "fp32",
  objective: clip,
  checkpointing: false,
  optimizer: adamw,
  optimizerOptions: { betas: [0.9, 0.98], eps: 1e-6 },
  group: (_, shape) => ({ learningRate: 1e-3, decay: shape.length < 2 ? 0 : 0.2 }),
  clipNorm: 1,
  clampLogitScale: true,
  ...more,
});

/** Entries from a generator that is the same everywhere: uniform in (−1, 1). */
export function entries(size: number, seed = 1): Float32Array {
  let state = seed >>> 0 || 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** A float32 tensor of {@link entries}. */
export const drawn = (shape: readonly number[], seed = 1): Tensor =>
  tensor(
    entries(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
    "float32",
  );
