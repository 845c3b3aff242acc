import { type ClipWork, forwardFlops, type TowerWork } from "./tower.ts";

/** How much of a tower learns. `last` takes the last blocks and what comes after them; `vectors` norms and biases; `prompts` tokens in front of the first block; `adapter` low-rank updates of q, k, v and c_proj. */
export type Learning =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  | { readonly kind: "last"; readonly blocks: number }
  | { readonly kind: "vectors" }
  | { readonly kind: "prompts" }
  | { readonly kind: "adapter"; readonly form: AdapterForm; readonly rank: number };
export type AdapterForm = keyof typeof adapterFlops;

/** What learns in each tower. */
export interface LearningSides {
  readonly image: Learning;
  readonly text: Learning;
}

/** Attention's backward pass over its forward pass: a fused kernel computes five products for two, one of them again. */
export const fusedAttention = 2.5;
/** A kernel that kept its scores computes four. */
export const unfusedAttention = 2;

/** FLOPs a step of one adapted weight [out, in], whatever the batch: the update is multiplied out, forward and backward. */
const adapterFlops = {
  lora: (out: number, input: number, rank: number) => 6 * out * input * rank,
  dora: (out: number, input: number, rank: number) => 8 * out * input * rank,
  vera: (out: number, input: number, rank: number) => 4 * out ** 2 * rank + 6 * out * rank ** 2 + 4 * out * input * rank,
} as const satisfies Record<string, (out: number, input: number, rank: number) => number>;

export const full: LearningSides = { image: { kind: "all" }, text: { kind: "all" } };

/**
 * FLOPs of one optimiser step on `batch` pairs, forward and backward, in closed form: matrix products, convolutions and attention. Optimiser, loss and
 * penalties count nothing. With `attention` 2.5 it gives the published numbers (arXiv:2408.14471, table 4).
 * @param attention Backward over forward FLOPs of the attention kernel.
 * @throws {RangeError} for an adapter in a tower that is no transformer.
 */
export function stepFlops(work: ClipWork, sides: LearningSides, batch: number, attention = fusedAttention): number {
  const towers = [
    [work.image, sides.image],
    [work.text, sides.text],
  ] as const;
  const learning = towers.filter(([, side]) => side.kind !== "none").length;
  const similarity = 2 * batch * work.embedding * (1 + learning);
  const samples = towers.reduce((sum, [tower, side]) => sum + sampleFlops(tower, side, attention), similarity);
  return batch * samples + towers.reduce((sum, [tower, side]) => sum + weightFlops(tower, side), 0);
}

/** A tower's share for one sample: 1 for a product, 1 for its input's gradient, 1 for its weight's. */
export function sampleFlops(tower: TowerWork, side: Learning, attention: number): number {
  const { first, stem, linear, projection } = tower;
  const attended = (1 + attention) * tower.attention;
  switch (side.kind) {
    case "none":
      return forwardFlops(tower);
    case "all":
      return 2 * first + 3 * (stem + linear + projection) + attended;
    case "last": {
      const share = Math.min(1, side.blocks / shapeOf(tower).blocks);
      return first + stem + (1 + 2 * share) * linear + 3 * projection + (1 + attention * share) * tower.attention;
    }
    case "vectors":
      return first + 2 * (stem + linear + projection) + attended;
    case "prompts":
      return first + stem + 2 * (linear + projection) + attended;
    case "adapter":
      return first + stem + adaptedLinear(tower) + 2 * projection + attended;
    default:
      return side satisfies never;
  }
}

/** Adapted weights pay for their gradient too; the first block's in-projection has nothing below it that learns. */
function adaptedLinear(tower: TowerWork): number {
  const { width: d, tokens, blocks, mlpWidth: m } = shapeOf(tower);
  return 2 * tokens * blocks * (3 * (3 * d ** 2 + d * m) + 2 * (d ** 2 + d * m)) - 6 * d ** 2 * tokens;
}

/** FLOPs of a step that adapters cost whatever the batch, in the published form: the update is multiplied out. */
export function weightFlops(tower: TowerWork, side: Learning): number {
  if (side.kind !== "adapter") return 0;
  const { width, blocks, mlpWidth } = shapeOf(tower);
  const of = adapterFlops[side.form];
  return blocks * (3 * of(width, width, side.rank) + of(width, mlpWidth, side.rank));
}

function shapeOf({ shape }: TowerWork): NonNullable<TowerWork["shape"]> {
  if (shape) return shape;
  throw new RangeError("this tower is no transformer: it has no blocks to adapt");
}
