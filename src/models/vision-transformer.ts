import { add, concat, conv2d, expand, linear, permute, reshape, slice, to, toDevice } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { activation, block, norm, pooledBlock, projected } from "../nn/block.ts";
import type { Tower } from "../nn/tower.ts";
import type { View } from "../nn/view.ts";
import type { VitConfig } from "./architecture.ts";

/**
 * Image features before normalisation, [B, E], from pixels [B, 3, S, S] in the precision of the weights.
 * @param weights The view at `visual`.
 */
export function visionTransformer(pixels: Tensor, weights: View, config: VitConfig & { readonly quickGelu: boolean }): Tower {
  const rows = pixels.shape[0] ?? 0;
  const length = (weights.get("positional_embedding").shape[0] ?? 0) + (config.prompts ?? 0);
  const options = { heads: config.heads, causal: false, quickGelu: config.quickGelu, layout: { rows, length } };
  const blocks = Array.from({ length: config.layers }, (_, i) => weights.at(`transformer.resblocks.${i}`));
  const last = blocks.pop() as View;
  const places = Int32Array.from({ length: rows }, (_, row) => row * length);
  const classTokens = toDevice(tensor(places, [rows], "int32"), pixels.device);
  return {
    start: () => reshape(norm(tokens(pixels, weights, config), weights.at("ln_pre")), [rows * length, config.width]),
    stages: [
      ...blocks.map((view) => (x: Tensor) => block(x, view, options)),
      (x) => pooledBlock(x, last, { ...options, pooling: { tokens: classTokens } }),
      (x) => projected(norm(x, weights.at("ln_post")), weights, "proj"),
    ],
  };
}

/**
 * Class token, then the patches row by row, positions added, then prompts: [B, 1 + N + P, D]. Prompts come in front of the first norm and have no positions, as those of
 * arXiv:2210.03117's code; arXiv:2203.12119, eq. 4, puts them between class token and patches, which is the same to attention.
 */
function tokens(pixels: Tensor, weights: View, config: VitConfig & { readonly quickGelu: boolean }): Tensor {
  let maps = pixels;
  config.convStem.forEach((_, i) => {
    const layer = weights.at(`stem.${i}`);
    const about = { kind: "convolution", weight: "weight", bias: "bias", input: maps, stride: 2, padding: 1 } as const;
    const output = conv2d(maps, layer.get("weight"), { stride: 2, padding: 1, bias: layer.get("bias") });
    maps = activation(layer.use(about, output), config.quickGelu);
  });
  const patches = patchEmbedding(maps, weights, "conv1.weight");
  const [batch = 0, , width = 0] = patches.shape;
  const shared = (weight: string, output: Tensor): Tensor => weights.use({ kind: "shared", weight, input: weights.get(weight) }, output);
  const first = shared("class_embedding", expand(reshape(weights.get("class_embedding"), [1, 1, width]), [batch, 1, width]));
  const placed = shared("positional_embedding", add(concat([first, patches], 1), weights.get("positional_embedding")));
  if (!config.prompts) return placed;
  const prompts = expand(reshape(weights.get("prompt_embedding"), [1, config.prompts, width]), [batch, config.prompts, width]);
  return concat([placed, to(shared("prompt_embedding", prompts), placed.dtype)], 1);
}

/** A convolution whose stride is its kernel is a product: each patch is read once. What is left at the right and below is read by none. [B, N, D] */
function patchEmbedding(maps: Tensor, weights: View, name: string): Tensor {
  const kernel = weights.get(name);
  const [batch = 0, channels = 0, height = 0, width = 0] = maps.shape;
  const [outputs = 0, , size = 0] = kernel.shape;
  const rows = Math.floor(height / size);
  const columns = Math.floor(width / size);
  const isWhole = height === rows * size && width === columns * size;
  const read = isWhole ? maps : slice(slice(maps, 2, 0, rows * size), 3, 0, columns * size);
  const cut = reshape(read, [batch, channels, rows, size, columns, size]);
  const patches = reshape(permute(cut, [0, 2, 4, 1, 3, 5]), [batch, rows * columns, channels * size * size]);
  const output = linear(patches, reshape(kernel, [outputs, channels * size * size]));
  return weights.use({ kind: "linear", weight: name, input: patches }, output);
}
