import { increment } from "../engine/in-place.ts";
import { add, attention, avgPool2d, batchNorm, concat, conv2d, meanOver, permute, relu, reshape, slice, transpose } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import { dense } from "../nn/block.ts";
import type { Tower } from "../nn/tower.ts";
import type { View } from "../nn/view.ts";
import type { ResNetConfig } from "./architecture.ts";

/**
 * Image features of OpenAI's modified ResNet, [B, E], from pixels [B, 3, S, S]: a stem of three convolutions, average pools in place of strides, attention pooling.
 * In training, batch norm uses the batch's statistics, moves the running ones and counts the batch (num_batches_tracked); computing the same batch again moves nothing.
 * @param weights The view at `visual`, buffers included.
 */
export function modifiedResNet(pixels: Tensor, weights: View, config: ResNetConfig & { readonly statistics: Statistics }): Tower {
  const { statistics } = config;
  const layer = (x: Tensor, i: number, stride: number): Tensor =>
    relu(normed(conv2d(x, weights.get(`conv${i}.weight`), { stride, padding: 1 }), weights.at(`bn${i}`), statistics));
  const blocks = config.layers.flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => ({
      view: weights.at(`layer${stage + 1}.${i}`),
      stride: stage > 0 && i === 0 ? 2 : 1,
      first: i === 0,
    })),
  );
  return {
    start: () => avgPool2d(layer(layer(layer(pixels, 1, 2), 2, 1), 3, 1), 2),
    stages: [
      ...blocks.map(
        ({ view, stride, first }) =>
          (x: Tensor) =>
            bottleneck(x, view, { stride, first, statistics }),
      ),
      (x) => attentionPool(x, weights.at("attnpool"), config.heads),
    ],
  };
}

/** Statistics of batch norm: the running ones, the batch's while the running ones move, or the batch's alone. */
export type Statistics = "running" | "moving" | "batch";

function normed(x: Tensor, weights: View, statistics: Statistics): Tensor {
  // A batch is counted when it moves the running statistics, so activations that are computed again are not, as in PyTorch without them.
  if (statistics === "moving") increment(weights.get("num_batches_tracked"));
  return batchNorm(x, {
    weight: weights.get("weight"),
    bias: weights.get("bias"),
    ...(statistics === "batch" ? {} : { mean: weights.get("running_mean"), variance: weights.get("running_var") }),
    training: statistics !== "running",
  });
}

function bottleneck(
  x: Tensor,
  weights: View,
  options: { readonly stride: number; readonly first: boolean; readonly statistics: Statistics },
): Tensor {
  const { stride, first, statistics } = options;
  const pooled = (maps: Tensor): Tensor => (stride > 1 ? avgPool2d(maps, stride) : maps);
  const narrow = relu(normed(conv2d(x, weights.get("conv1.weight"), { stride: 1 }), weights.at("bn1"), statistics));
  const middle = relu(normed(conv2d(narrow, weights.get("conv2.weight"), { stride: 1, padding: 1 }), weights.at("bn2"), statistics));
  const wide = normed(conv2d(pooled(middle), weights.get("conv3.weight"), { stride: 1 }), weights.at("bn3"), statistics);
  const shortcut = first
    ? normed(conv2d(pooled(x), weights.get("downsample.0.weight"), { stride: 1 }), weights.at("downsample.1"), statistics)
    : x;
  return relu(add(wide, shortcut));
}

/** The mean of all places asks all places, itself among them: [B, C, H, W] to [B, E]. */
function attentionPool(maps: Tensor, weights: View, heads: number): Tensor {
  const [batch = 0, channels = 0, height = 0, width = 0] = maps.shape;
  const places = permute(reshape(maps, [batch, channels, height * width]), [0, 2, 1]);
  const tokens = add(concat([meanOver(places, [1], true), places], 1), weights.get("positional_embedding")); // [B, 1 + HW, C]
  const split = (x: Tensor): Tensor => transpose(reshape(x, [batch, -1, heads, channels / heads]), 1, 2); // [B, heads, L, d]
  const query = split(dense(slice(tokens, 1, 0, 1), weights.at("q_proj")));
  const mixed = attention(query, split(dense(tokens, weights.at("k_proj"))), split(dense(tokens, weights.at("v_proj"))), "all");
  return dense(reshape(transpose(mixed, 1, 2), [batch, channels]), weights.at("c_proj"));
}
