import type { Mixture } from "./mixture.ts";

/** Mixtures by the names that `data.mixture` takes them by (arXiv:2408.14471, section 5, and its published code). */
export const mixturePresets = {
  reference: { pretraining: 0.33, update: 0.34, buffer: 0.33 },
  "no-buffer": { pretraining: 0.5, update: 0.5, buffer: 0 },
  ibrahim: { pretraining: 0.05, update: 0.48, buffer: 0.47 },
  "pretrain-heavy": { pretraining: 0.8, update: 0.1, buffer: 0.1 },
  iidify: { pretraining: 0, update: 0.1, buffer: 0.9 },
  oracle: { pretraining: 0.33, update: 0.67, buffer: 0 },
  "update-only": { pretraining: 0, update: 1, buffer: 0 },
} as const satisfies Readonly<Record<string, Mixture>>;

/** A mixture's name. */
export type MixtureName = keyof typeof mixturePresets;
export const mixtureNames = Object.keys(mixturePresets) as readonly MixtureName[];
