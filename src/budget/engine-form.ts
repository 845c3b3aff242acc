import { fusedAttention, type Learning, type LearningSides, sampleFlops, stepFlops, unfusedAttention } from "./step-flops.ts";
import type { ClipWork, TowerWork } from "./tower.ts";

/** Texts that are embedded at a time, without padding. */
interface PackedSize {
  /** Distinct texts. */
  readonly rows: number;
  /** Tokens in all, rounded up as the engine does. */
  readonly tokens: number;
  /** Of the longest. */
  readonly longest: number;
}

export interface EngineStep {
  readonly batch: number;
  /** One for each part of the batch. */
  readonly texts: readonly PackedSize[];
  /** Backward over forward FLOPs of the kernel that serves attention. */
  readonly attention: number;
  /** Forward passes beside the one of the closed form: gradient caching and activation checkpointing compute again. */
  readonly extraForwards: number;
}

/** A reason why the engine's count is not the closed form's, with what it adds. */
export interface Difference {
  readonly reason: string;
  readonly flops: number;
}

/** Where this engine's FLOPs of a step leave the published closed form of {@link stepFlops}, one reason after the other; together they are what a meter should find. */
export function engineDifferences(work: ClipWork, sides: LearningSides, step: EngineStep): readonly Difference[] {
  const { batch, texts, attention, extraForwards } = step;
  const images: PackedSize = { rows: batch, tokens: batch * (work.image.shape?.tokens ?? 0), longest: work.image.shape?.tokens ?? 0 };
  const padded: PackedSize = { rows: batch, tokens: batch * (work.text.shape?.tokens ?? 0), longest: work.text.shape?.tokens ?? 0 };
  const over = (
    of: (tower: TowerWork, side: Learning, size: PackedSize, isText: boolean) => number,
    sizes: readonly PackedSize[],
  ): number => of(work.image, sides.image, images, false) + sizes.reduce((sum, size) => sum + of(work.text, sides.text, size, true), 0);
  const plain = (tower: TowerWork, side: Learning, size: PackedSize): number => wholeTower(tower, side, size, fusedAttention);
  const pooled = (factor: number) => (tower: TowerWork, side: Learning, size: PackedSize, isText: boolean) =>
    pooledTower(tower, side, size, { inside: factor, last: isText ? Math.min(factor, unfusedAttention) : factor });
  const similarity = batch ** 2 * 2 * work.embedding * (1 + [sides.image, sides.text].filter(({ kind }) => kind !== "none").length);
  const none: LearningSides["image"] = { kind: "none" };
  const again = over((tower, side, size, isText) => (side.kind === "none" ? 0 : pooled(attention)(tower, none, size, isText)), texts);
  const found = [
    { reason: "texts as long as they are, each distinct one once", flops: over(plain, texts) - over(plain, [padded]) },
    { reason: "the last block computes the pooled token alone", flops: over(pooled(fusedAttention), texts) - over(plain, texts) },
    {
      reason: "attention's backward pass as the kernel does it",
      flops: over(pooled(attention), texts) - over(pooled(fusedAttention), texts),
    },
    { reason: "the similarity of both directions", flops: similarity },
    { reason: "activations computed again", flops: extraForwards * again },
  ];
  return found.filter(({ flops }) => flops !== 0);
}

/** The closed form with all differences: what the meter should find. */
export const engineFlops = (work: ClipWork, sides: LearningSides, step: EngineStep): number =>
  engineDifferences(work, sides, step).reduce((sum, { flops }) => sum + flops, stepFlops(work, sides, step.batch));

/** All of a tower over packed rows, as the closed form counts it. */
function wholeTower(tower: TowerWork, side: Learning, size: PackedSize, attention: number): number {
  const { shape, linear, attention: attended } = tower;
  if (!shape) return size.rows * sampleFlops(tower, side, attention);
  const sized = {
    ...tower,
    first: size.rows * tower.first,
    stem: size.rows * tower.stem,
    projection: size.rows * tower.projection,
    linear: (linear * size.tokens) / shape.tokens,
    attention: (attended * size.rows * size.longest ** 2) / shape.tokens ** 2,
  };
  return sampleFlops(sized, side, attention);
}

/** The same without what the last block does not do: only keys and values are made of all tokens. */
function pooledTower(
  tower: TowerWork,
  side: Learning,
  size: PackedSize,
  attention: { readonly inside: number; readonly last: number },
): number {
  const { shape } = tower;
  if (!shape) return size.rows * sampleFlops(tower, side, attention.inside);
  const { width: d, mlpWidth: m, blocks } = shape;
  const factor = side.kind === "none" ? 1 : side.kind === "vectors" || side.kind === "prompts" ? 2 : 3;
  const attended = (backward: number): number => (side.kind === "none" ? 1 : 1 + backward);
  const whole = wholeTower(tower, side, size, attention.inside);
  const lastLinear = 2 * size.tokens * (4 * d ** 2 + 2 * d * m) * factor;
  const lastAttention = 4 * size.rows * size.longest ** 2 * d * attended(attention.inside);
  const pooledLinear = (2 * size.tokens * 2 * d ** 2 + 2 * size.rows * (2 * d ** 2 + 2 * d * m)) * factor;
  const pooledAttention = 4 * size.rows * size.longest * d * attended(attention.last);
  return blocks === 0 ? whole : whole - lastLinear - lastAttention + pooledLinear + pooledAttention;
}
