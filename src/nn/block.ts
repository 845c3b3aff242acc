import { add, attention, gelu, indexSelect, linear, linearGelu, permute, quickGelu, reshape, select, transpose } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { View } from "./view.ts";

/** How token vectors of a batch lie one after another. */
interface Layout {
  readonly rows: number;
  /** Tokens of the longest row. */
  readonly length: number;
  /** Rows differ in length: the vectors are [N, D] without padding. Absent: [rows · length, D]. */
  readonly packing?: {
    /** Place of each of rows · length tokens among the N; of padding, any. int32 */
    readonly spread: Tensor;
    /** Place of each of the N among rows · length. int32 [N] */
    readonly gather: Tensor;
  };
}

export interface BlockOptions {
  readonly heads: number;
  readonly quickGelu: boolean;
  readonly layout: Layout;
  /** A token sees none that come after it. */
  readonly causal: boolean;
}

/** The one token of each row whose output is asked for. */
export interface Pooling {
  /** Place among the vectors, int32 [rows]. */
  readonly tokens: Tensor;
  /** Added to the scores, [rows, 1, 1, length]: −∞ where the token does not look. */
  readonly mask?: Tensor;
}

/** The model's activation: x·σ(1.702x), or GELU with erf. */
export const activation = (x: Tensor, quick: boolean): Tensor => (quick ? quickGelu(x) : gelu(x));

/** Layer norm over the last axis with the weights `weight` and `bias` of the view. */
export const norm = (x: Tensor, weights: View): Tensor => weights.norm(x);

/** x [..., K] through the weights `weight` [N, K] and `bias` [N] of the view. */
export const dense = (x: Tensor, weights: View): Tensor => weights.linear(x, { weight: "weight", bias: "bias" });

/** x [..., K] times the matrix `name` [K, N]. */
export const projected = (x: Tensor, weights: View, name: string): Tensor =>
  weights.use({ kind: "projection", weight: name, input: x }, linear(x, transpose(weights.get(name), 0, 1)));

/** Names of the fused product that gives queries, keys and values. */
const inProjection = { weight: "in_proj_weight", bias: "in_proj_bias" } as const;

/** A pre-norm transformer block, x [N, D]: x + attn(ln_1 x), then x + mlp(ln_2 x). */
export function block(x: Tensor, weights: View, options: BlockOptions): Tensor {
  const attended = add(x, selfAttention(norm(x, weights.at("ln_1")), weights.at("attn"), options));
  return perceptron(attended, weights, options);
}

/**
 * The same block where one token of each row is asked for, [rows, D]: the last block of a tower that pools a token. All tokens are looked at, but
 * only that one asks, and it alone goes through the products that act on each token alone.
 */
export function pooledBlock(x: Tensor, weights: View, options: BlockOptions & { readonly pooling: Pooling }): Tensor {
  const { heads, layout, pooling } = options;
  const attn = weights.at("attn");
  const width = x.shape[1] ?? 0;
  const part = (from: number, to: number, of: Tensor): Tensor => attn.linear(of, { ...inProjection, rows: [from * width, to * width] });
  const seen = norm(x, weights.at("ln_1"));
  const query = transpose(reshape(part(0, 1, indexSelect(seen, 0, pooling.tokens)), [layout.rows, 1, heads, width / heads]), 1, 2);
  const [keys, values] = split(part(1, 3, seen), 2, options) as [Tensor, Tensor];
  const mixed = attention(query, keys, values, pooling.mask ?? "all"); // [rows, heads, 1, d]
  const attended = add(indexSelect(x, 0, pooling.tokens), dense(reshape(mixed, [layout.rows, width]), attn.at("out_proj")));
  return perceptron(attended, weights, options);
}

function perceptron(x: Tensor, weights: View, options: BlockOptions): Tensor {
  const first = weights.at("mlp.c_fc");
  const seen = norm(x, weights.at("ln_2"));
  const isFused = !options.quickGelu && !first.isMore("weight");
  const hidden = isFused ? linearGelu(seen, first.get("weight"), first.get("bias")) : activation(dense(seen, first), options.quickGelu);
  return add(x, dense(hidden, weights.at("mlp.c_proj")));
}

function selfAttention(x: Tensor, weights: View, options: BlockOptions): Tensor {
  const { layout, causal } = options;
  const width = x.shape[1] ?? 0;
  const [q, k, v] = split(weights.linear(x, inProjection), 3, options) as [Tensor, Tensor, Tensor];
  const mixed = attention(q, k, v, causal ? "earlier" : "all"); // [rows, heads, length, d]
  const padded = reshape(transpose(mixed, 1, 2), [layout.rows * layout.length, width]);
  return dense(layout.packing ? indexSelect(padded, 0, layout.packing.gather) : padded, weights.at("out_proj"));
}

/** [N, parts · D] as `parts` tensors [rows, heads, length, d]; what stands in the place of padding is any token's. */
function split(fused: Tensor, parts: number, { heads, layout }: BlockOptions): readonly Tensor[] {
  const { rows, length, packing } = layout;
  const padded = packing ? indexSelect(fused, 0, packing.spread) : fused;
  const width = (fused.shape[1] ?? 0) / parts / heads;
  const cut = permute(reshape(padded, [rows, length, parts, heads, width]), [2, 0, 3, 1, 4]);
  return Array.from({ length: parts }, (_, i) => select(cut, 0, i));
}
