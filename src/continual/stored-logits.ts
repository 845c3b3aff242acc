import { z } from "zod";
import { abs, atMost, clampMin, where } from "../engine/elementwise.ts";
import { concat, div, full, indexSelect, linear, mul, mulNumber, sub, sum, to, zeros, zerosLike } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import { createRandom } from "../util/random.ts";
import type { AppliedStep, FeatureContext, Method, RunFacts } from "./method.ts";
import { picking } from "./picking.ts";
import { drawnFor, takenRows } from "./reservoir.ts";

/** How stored logits count. */
export const logitsOptions = {
  logits: z
    .enum(["scaled", "published"])
    .default("scaled")
    .describe("cosines times the stored exp(logit_scale), over 100 when squared; or bare cosines"),
} as const;

/** What a reservoir's samples looked like in the step that drew them, by slot; tensors are absent until one is held. */
export type StoredFeatures = {
  readonly seed: number;
  /** Samples offered so far. */
  readonly offered: number;
  /** Unit length, [M, E]. */
  readonly image: Tensor | null;
  readonly text: Tensor | null;
  /** exp(logit_scale), [M, 1]. */
  readonly scale: Tensor | null;
};

export const nothingStored = ({ seed }: Pick<RunFacts, "seed">): StoredFeatures => ({
  seed,
  offered: 0,
  image: null,
  text: null,
  scale: null,
});

/** The features with those of the step's update rows that the reservoir takes: as the step saw them, before it moved the weights. */
export function storeFeatures({ rows, features, scale }: AppliedStep, stored: StoredFeatures, size: number): StoredFeatures {
  const roles = rows.map(({ role }) => role);
  const { taken, offered } = takenRows(roles, { offered: stored.offered, size }, createRandom(stored.seed));
  const rowOf = new Map(taken.map(({ row, slot }) => [slot, row]));
  if (rowOf.size === 0) return { ...stored, offered };
  const place = (before: Tensor | null, fresh: Tensor, rowIn = (row: number): number => row): Tensor => {
    const from = Array.from({ length: size }, (_, slot) => {
      const row = rowOf.get(slot);
      return row === undefined ? slot : size + rowIn(row);
    });
    const held = before ?? zeros([size, fresh.shape[1] ?? 0], "float32", fresh.device);
    return indexSelect(concat([held, fresh], 0), 0, picking(from, fresh.device));
  };
  return {
    seed: stored.seed,
    offered,
    image: place(stored.image, features.image),
    text: place(stored.text, features.text),
    scale: place(stored.scale, full([1, 1], scale, "float32", features.image.device), () => 0),
  };
}

/** The hooks of a method that remembers what a reservoir of so many samples looked like. */
export const storing = (size: number) =>
  ({
    init: ({ run }) => nothingStored(run),
    afterStep: (step, stored) => storeFeatures(step, stored, size),
  }) satisfies Method<StoredFeatures>;

export interface LogitsTerm {
  readonly by: string;
  readonly use: string;
  /** `scaled`: logits at the scale that was stored with the image's sample, the mean square divided by 100; `published`: bare cosines. */
  readonly logits: "scaled" | "published";
}

/**
 * Mean square between the n × n matrices of logits of the drawn samples, now and as stored, both at the stored scale; entries whose stored value is not finite are left out. Undefined where
 * nothing was drawn.
 */
export function logitsTerm(
  { image, text, rows }: FeatureContext,
  stored: StoredFeatures,
  { by, use, logits }: LogitsTerm,
): Tensor | undefined {
  const drawn = drawnFor(rows, by, use);
  if (drawn.length === 0 || !stored.image || !stored.text || !stored.scale) return undefined;
  const [row, slot] = [
    picking(
      drawn.map((each) => each.row),
      image.device,
    ),
    picking(
      drawn.map((each) => each.slot),
      image.device,
    ),
  ];
  const now = linear(indexSelect(image, 0, row), indexSelect(text, 0, row)); // [n, n]
  const then = linear(indexSelect(stored.image, 0, slot), indexSelect(stored.text, 0, slot));
  // A cosine is at most 1, but for rounding; a comparison with NaN is false.
  const known = atMost(abs(then), 2);
  const away = where(known, sub(now, then), zerosLike(then));
  const count = clampMin(sum(to(known, "float32")), 1);
  if (logits === "published") return div(sum(mul(away, away)), count);
  const scaled = mul(away, indexSelect(stored.scale, 0, slot));
  return mulNumber(div(sum(mul(scaled, scaled)), count), 1 / 100);
}
