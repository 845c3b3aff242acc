import { adaptedTower } from "./adapted-tower.ts";
import { fusedAttention, type Learning, type LearningSides, sampleFlops, stepFlops, unfusedAttention, weightFlops } from "./step-flops.ts";
import type { ClipWork, PackedSize, TowerWork } from "./tower.ts";

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
  const again = over((tower, side, size) => forwardTower(tower, side, size), texts);
  const found = [
    { reason: "adapters beside their layers, whose frozen weights have no gradient", flops: over(besidePublished, [padded]) },
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

/** What a tower with adapters costs this engine beyond the published form of them, texts padded and every token computed. */
function besidePublished(tower: TowerWork, side: Learning, size: PackedSize): number {
  if (side.kind !== "adapter") return 0;
  const published = size.rows * sampleFlops(tower, side, fusedAttention) + weightFlops(tower, side);
  return wholeTower(tower, side, size, fusedAttention) - published;
}

/** A tower's forward pass alone, once more; none where it has no backward pass. */
function forwardTower(tower: TowerWork, side: Learning, size: PackedSize): number {
  const { shape } = tower;
  if (side.kind === "none") return 0;
  if (side.kind === "adapter" && shape) return adaptedTower({ ...tower, shape }, side, size, { isPooled: true });
  return pooledTower(tower, { kind: "none" }, size, { inside: fusedAttention, last: fusedAttention });
}

/** All of a tower over packed rows, as the closed form counts it; one with adapters as the engine does. */
function wholeTower(tower: TowerWork, side: Learning, size: PackedSize, attention: number): number {
  const { shape, linear, attention: attended } = tower;
  if (side.kind === "adapter" && shape)
    return adaptedTower({ ...tower, shape }, side, size, { attention: { inside: attention, last: attention }, isPooled: false });
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
  if (side.kind === "adapter") return adaptedTower({ ...tower, shape }, side, size, { attention, isPooled: true });
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
