import { afterEach, describe, expect, test } from "vitest";
import { grad, requireGrad } from "../../src/engine/grad.ts";
import { narrowKernels, referenceKernels, useKernels } from "../../src/engine/kernels.ts";
import { memory } from "../../src/engine/memory.ts";
import { attention, clone, conv2d, linear, linearGelu, matmul, mul, sum, to, toDevice, transpose } from "../../src/engine/ops.ts";
import { scope } from "../../src/engine/scope.ts";
import { readFloats, type Tensor } from "../../src/engine/tensor.ts";
import { drawn } from "./small-models.ts";

const worst = (got: Tensor, expected: Tensor): number => {
  const reference = readFloats(expected);
  expect(got.shape).toEqual(expected.shape);
  return readFloats(got).reduce((most, value, i) => Math.max(most, Math.abs(value - (reference[i] ?? Number.NaN))), 0);
};

afterEach(() => useKernels(referenceKernels));

describe("bfloat16 products computed in float32", () => {
  const inBFloat16 = (shape: readonly number[], seed: number): Tensor => to(drawn(shape, seed), "bfloat16");
  const wide = (each: Tensor): Tensor => to(each, "float32");
  /** The result and all gradients, as float32. */
  const all = (inputs: readonly Tensor[], forward: (...inputs: Tensor[]) => Tensor): readonly Tensor[] => {
    const leaves = inputs.map((each) => clone(each));
    requireGrad(leaves);
    const result = forward(...leaves);
    return [result, ...grad([sum(mul(wide(result), drawn(result.shape, 9)))], leaves)].map((each) => wide(each as Tensor));
  };
  const cases: Readonly<Record<string, readonly [readonly (readonly number[])[], (...inputs: Tensor[]) => Tensor]>> = {
    linear: [[[2, 5, 12], [7, 12], [7]], (x, weight, bias) => linear(x as Tensor, weight as Tensor, bias)],
    "linear with GELU": [[[5, 12], [7, 12], [7]], (x, weight, bias) => linearGelu(x as Tensor, weight as Tensor, bias)],
    matmul: [
      [
        [3, 5, 4],
        [4, 6],
      ],
      (a, b) => matmul(a as Tensor, b as Tensor),
    ],
    convolution: [
      [
        [2, 3, 8, 8],
        [4, 3, 3, 3],
      ],
      (x, weight) => conv2d(x as Tensor, weight as Tensor, { stride: 2, padding: 1 }),
    ],
    attention: [
      [
        [2, 3, 7, 8],
        [2, 3, 7, 8],
        [2, 3, 7, 8],
      ],
      (q, k, v) => attention(q as Tensor, k as Tensor, v as Tensor, "earlier"),
    ],
  };

  test.each(Object.entries(cases))(
    "%s: what float32 gives for the same entries, rounded at the end of each product",
    (name, [shapes, forward]) => {
      scope(() => {
        const inputs = shapes.map((shape, i) => inBFloat16(shape, i + 1));
        useKernels(narrowKernels);
        const exact = all(inputs.map(wide), forward);
        useKernels({ ...narrowKernels, bfloat16: "float32" });
        const widened = all(inputs, forward);
        // One rounding to eight bits of what float32 gives; a gradient passes another one on its way.
        widened.forEach((each, i) => {
          const largest = readFloats(exact[i] as Tensor).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          expect(worst(each, exact[i] as Tensor), `${name}, result ${i}`).toBeLessThan(largest * 2 ** -7);
        });
        expect(worst(widened[0] as Tensor, wide(to(exact[0] as Tensor, "bfloat16"))), name).toBeLessThan(
          name.includes("GELU") ? 0.02 : 1e-9,
        );
        const planned = forward(...inputs.map((each) => toDevice(each, "meta")));
        expect([planned.dtype, planned.shape]).toEqual(["bfloat16", (widened[0] as Tensor).shape]);
      });
    },
  );

  test("without a graph nothing but the result is left", () => {
    useKernels({ ...narrowKernels, bfloat16: "float32" });
    scope(() => {
      const [x, weight] = [inBFloat16([64, 32], 1), inBFloat16([16, 32], 2)];
      const before = memory().live;
      const results = [linear(x, weight), matmul(x, transpose(weight, 0, 1))];
      expect(memory().live - before).toBe(results.length * 64 * 16 * 2);
    });
  });
});
