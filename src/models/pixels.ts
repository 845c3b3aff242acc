import { div, divNumber, reshape, sub, to } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import type { ImagePreprocess } from "./preprocess.ts";

/** Pixels as an image tower takes them, float32 [B, 3, S, S], from uint8 [B, 3, S, S]: (x/255 − mean)/std by channel. */
export function pixelsOf(images: Uint8Array, rows: number, preprocess: Pick<ImagePreprocess, "size" | "mean" | "std">): Tensor {
  const { size, mean, std } = preprocess;
  const values = divNumber(to(tensor(images.subarray(0, rows * 3 * size * size), [rows, 3, size, size], "uint8"), "float32"), 255);
  return div(sub(values, channels(mean)), channels(std));
}

const channels = (values: readonly number[]): Tensor => reshape(tensor(values, [3], "float32"), [1, 3, 1, 1]);
