import { afterEach, expect, test } from "vitest";
import { grad, requireGrad } from "../../src/engine/grad.ts";
import { defaultKernels, type KernelTable, narrowKernels, referenceKernels, useKernels } from "../../src/engine/kernels.ts";
import { memory, resetPeak } from "../../src/engine/memory.ts";
import * as ops from "../../src/engine/ops.ts";
import { scope } from "../../src/engine/scope.ts";
import type { DType, Tensor } from "../../src/engine/tensor.ts";

// What an operator holds at its most on shapes alone, against the processor: copies in the kernels' own layouts are part of it.

afterEach(() => useKernels(referenceKernels));

const widened: KernelTable = { ...narrowKernels, bfloat16: "float32" };

interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly work: (...inputs: Tensor[]) => Tensor;
  readonly dtype?: DType;
  readonly kernels?: KernelTable;
  readonly learns?: boolean;
}

/** Bytes beyond the inputs, at the most. */
function peakOn(device: "cpu" | "meta", { shapes, work, dtype = "float32", learns = false }: Case): number {
  const [live, peak] = device === "cpu" ? (["live", "peak"] as const) : (["metaLive", "metaPeak"] as const);
  return scope(() => {
    const inputs = shapes.map((shape) => ops.zeros(shape, dtype, device));
    if (learns) requireGrad(inputs);
    resetPeak();
    const before = memory()[live];
    const result = work(...inputs);
    if (learns) grad([result], inputs, [ops.zerosLike(result)]);
    return memory()[peak] - before;
  });
}

const mlp = [[8192, 64], [256, 64], [256]] as const;
const images = [
  [16, 32, 16, 16],
  [64, 32, 3, 3],
] as const;
const convolution = (x: Tensor, w: Tensor): Tensor => ops.conv2d(x, w, { stride: 1, padding: 1 });
const gelu = (x: Tensor, w: Tensor, b: Tensor): Tensor => ops.linearGelu(x, w, b);

test.each<[string, Case]>([
  ["GELU in oneDNN's product", { shapes: mlp, work: gelu, kernels: defaultKernels }],
  ["GELU behind MKL's product", { shapes: mlp, work: gelu }],
  ["GELU in a widened product", { shapes: mlp, work: gelu, dtype: "bfloat16", kernels: widened }],
  ["a convolution", { shapes: images, work: convolution }],
  ["a widened convolution", { shapes: images, work: convolution, dtype: "bfloat16", kernels: widened }],
  ["a convolution that learns", { shapes: images, work: convolution, learns: true }],
  ["a widened convolution that learns", { shapes: images, work: convolution, dtype: "bfloat16", kernels: widened, learns: true }],
])("%s has the planned peak of memory", (_, each) => {
  useKernels(each.kernels ?? referenceKernels);
  const [planned, real] = [peakOn("meta", each), peakOn("cpu", each)];
  expect(Math.abs(planned / real - 1), `${planned} planned, ${real} real`).toBeLessThan(0.05);
});
