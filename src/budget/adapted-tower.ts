import type { Learning } from "./step-flops.ts";
import type { PackedSize, TowerWork, TransformerShape } from "./tower.ts";

type Adapted = Extract<Learning, { readonly kind: "adapter" }>;

/** How the engine takes a tower. */
interface Pass {
  /** Backward over forward FLOPs of attention, in the last block and in the others; no backward pass at all where it is absent. */
  readonly attention?: { readonly inside: number; readonly last: number };
  /** The last block computes the pooled token alone, and keys and values of all. */
  readonly isPooled: boolean;
}

/** Products of `tokens` vectors, `inputs` long, with a layer's rows. */
interface Layer {
  readonly tokens: number;
  readonly inputs: number;
  /** Output rows of each part. */
  readonly parts: readonly number[];
  /** Whether something below it learns. */
  readonly isAbove: boolean;
}

/**
 * FLOPs of a tower with adapters at q, k, v and c_proj as this engine computes them: x Wᵀ and beside it the two thin products of x, never W + B A. The frozen weights have no gradient,
 * and below the first block's in-projection nothing asks for one.
 */
export function adaptedTower(tower: TowerWork & { readonly shape: TransformerShape }, side: Adapted, size: PackedSize, pass: Pass): number {
  const { first, stem, projection, shape } = tower;
  const { width, mlpWidth, blocks } = shape;
  const { tokens, rows, longest } = size;
  const backward = pass.attention ? 1 : 0;
  const frozen = ({ tokens: n, inputs, parts, isAbove }: Layer): number => 2 * n * inputs * sum(parts) * (1 + (isAbove ? backward : 0));
  const adapted = (layer: Layer): number => frozen(layer) + thinFlops(side, layer, backward);
  const block = (i: number): number => {
    const isPooled = pass.isPooled && i === blocks - 1;
    const after = isPooled ? rows : tokens;
    const isAbove = i > 0;
    const attend = isPooled ? 4 * rows * longest * width : 4 * rows * longest ** 2 * width;
    const factor = (isPooled ? pass.attention?.last : pass.attention?.inside) ?? 0;
    const intoAttention = isPooled
      ? adapted({ tokens, inputs: width, parts: [width, width], isAbove }) +
        adapted({ tokens: rows, inputs: width, parts: [width], isAbove })
      : adapted({ tokens, inputs: width, parts: [width, width, width], isAbove });
    const perceptron =
      frozen({ tokens: after, inputs: width, parts: [mlpWidth], isAbove: true }) +
      adapted({ tokens: after, inputs: mlpWidth, parts: [width], isAbove: true });
    return intoAttention + attend * (1 + factor) + frozen({ tokens: after, inputs: width, parts: [width], isAbove: true }) + perceptron;
  };
  const all = sum(Array.from({ length: blocks }, (_, i) => block(i)));
  return all + rows * (first + stem + projection * (1 + backward));
}

/** The products beside a layer: x Aᵀ of all of its parts, and each part's with Bᵀ. */
function thinFlops({ form, rank }: Adapted, { tokens, inputs, parts, isAbove }: Layer, backward: number): number {
  const down = 2 * tokens * inputs * rank;
  const up = 2 * tokens * rank * sum(parts);
  const below = isAbove ? backward : 0;
  switch (form) {
    // A and B learn: each product has a gradient of its weight, and the second one of its input.
    case "lora":
      return down * parts.length * (1 + backward + below) + up * (1 + 2 * backward);
    // The rows of W + B A are measured once a pass.
    case "dora":
      return down * parts.length * (1 + backward + below) + up * (1 + 2 * backward) + 2 * sum(parts) * inputs * rank;
    // A is the parts' common one, and frozen.
    case "vera":
      return down * (1 + below) + up * (1 + backward + below);
    default:
      return form satisfies never;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
