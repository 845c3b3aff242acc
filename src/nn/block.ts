import { add, attention, gelu, layerNorm, linear, permute, quickGelu, reshape, select, transpose } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { View } from "./view.ts";

/** ε of every layer norm of CLIP. */
const epsilon = 1e-5;

export interface BlockOptions {
  readonly heads: number;
  readonly causal: boolean;
  readonly quickGelu: boolean;
}

/** The model's activation: x·σ(1.702x), or GELU with erf. */
export const activation = (x: Tensor, quick: boolean): Tensor => (quick ? quickGelu(x) : gelu(x));

/** Layer norm over the last axis with the weights `weight` and `bias` of the view. Statistics are float32 in any precision. */
export const norm = (x: Tensor, weights: View): Tensor => layerNorm(x, weights.get("weight"), weights.get("bias"), epsilon);

/** x [..., K] through the weights `weight` [N, K] and `bias` [N] of the view. */
export const dense = (x: Tensor, weights: View): Tensor => linear(x, weights.get("weight"), weights.get("bias"));

/** A pre-norm transformer block, x [B, L, D]: x + attn(ln_1 x), then x + mlp(ln_2 x). */
export function block(x: Tensor, weights: View, options: BlockOptions): Tensor {
  const attended = add(x, selfAttention(norm(x, weights.at("ln_1")), weights.at("attn"), options));
  const hidden = activation(dense(norm(attended, weights.at("ln_2")), weights.at("mlp.c_fc")), options.quickGelu);
  return add(attended, dense(hidden, weights.at("mlp.c_proj")));
}

function selfAttention(x: Tensor, weights: View, options: BlockOptions): Tensor {
  const [batch = 0, tokens = 0, width = 0] = x.shape;
  const { heads, causal } = options;
  const fused = linear(x, weights.get("in_proj_weight"), weights.get("in_proj_bias")); // [B, L, 3D]
  const split = permute(reshape(fused, [batch, tokens, 3, heads, width / heads]), [2, 0, 3, 1, 4]); // [3, B, heads, L, d]
  const mixed = attention(select(split, 0, 0), select(split, 0, 1), select(split, 0, 2), causal); // [B, heads, L, d]
  return dense(reshape(transpose(mixed, 1, 2), [batch, tokens, width]), weights.at("out_proj"));
}
