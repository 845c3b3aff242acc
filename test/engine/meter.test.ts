import { expect, test } from "vitest";
import { grad, requireGrad } from "../../src/engine/grad.ts";
import { defaultKernels, referenceKernels, useKernels } from "../../src/engine/kernels.ts";
import { memory } from "../../src/engine/memory.ts";
import { type Metered, meter } from "../../src/engine/meter.ts";
import { attention, conv2d, linear, matmul, mul, sum, zeros } from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import type { Tensor } from "../../src/engine/tensor.ts";
import { block } from "../../src/nn/block.ts";
import { viewOf } from "../../src/nn/view.ts";
import { createLearner, learn } from "../../src/training/step.ts";
import { drawn, smallBatch, smallConfigs, smallModel, stepOptions } from "./small-models.ts";

const flopsOf = (metered: Metered<unknown>, operator: RegExp): number =>
  metered.calls.filter((call) => operator.test(call.operator)).reduce((total, call) => total + call.flops, 0);

/** Forward and backward with gradients for everything. */
function both(inputs: readonly Tensor[], forward: (...inputs: Tensor[]) => Tensor): Metered<unknown> {
  requireGrad(inputs);
  return meter(() => grad([sum(forward(...inputs))], inputs));
}

for (const [name, table] of Object.entries({ reference: referenceKernels, onednn: defaultKernels }))
  test(`a linear layer costs 2mnk forward and 4mnk backward with ${name} kernels`, () => {
    useKernels(table);
    scope(() => {
      const [m, n, k] = [24, 10, 16];
      const inputs = [drawn([2, m / 2, k]), drawn([n, k]), drawn([n])];
      expect(both(inputs, (x, weight, bias) => linear(x as Tensor, weight as Tensor, bias)).flops).toBe(3 * 2 * m * n * k);
    });
    useKernels(referenceKernels);
  });

test("a batched product that broadcasts is counted once", () => {
  scope(() => {
    const metered = meter(() => matmul(drawn([3, 4, 5]), drawn([5, 6])));
    expect(metered.flops).toBe(2 * 3 * 4 * 5 * 6);
  });
});

test("a convolution costs 2 · result · kernel, and as much again for each gradient that is asked for", () => {
  scope(() => {
    const forward = 2 * (2 * 7 * 5 * 5) * (3 * 3 * 3);
    const [x, weight] = [drawn([2, 3, 10, 10]), drawn([7, 3, 3, 3])];
    expect(meter(() => conv2d(x, weight, { stride: 2, padding: 1 })).flops).toBe(forward);
    requireGrad([weight]);
    expect(meter(() => grad([sum(conv2d(x, weight, { stride: 2, padding: 1 }))], [weight])).flops).toBe(2 * forward);
    expect(both([x, weight], (a, b) => conv2d(a as Tensor, b as Tensor, { stride: 2, padding: 1 })).flops).toBe(3 * forward);
  });
});

test("fused attention costs two products forward and five backward", () => {
  scope(() => {
    const [batch, heads, tokens, width] = [2, 3, 7, 8];
    const inputs = [1, 2, 3].map((seed) => drawn([batch, heads, tokens, width], seed));
    const product = 2 * batch * heads * tokens * tokens * width;
    expect(both(inputs, (q, k, v) => attention(q as Tensor, k as Tensor, v as Tensor, "earlier")).flops).toBe(7 * product);
  });
});

test("a block of ViT-B-32 costs its closed form", () => {
  scope(() => {
    const [batch, tokens, width] = [2, 50, 768];
    const shapes: readonly (readonly [string, readonly number[]])[] = [
      ["ln_1.weight", [width]],
      ["ln_1.bias", [width]],
      ["ln_2.weight", [width]],
      ["ln_2.bias", [width]],
      ["attn.in_proj_weight", [3 * width, width]],
      ["attn.in_proj_bias", [3 * width]],
      ["attn.out_proj.weight", [width, width]],
      ["attn.out_proj.bias", [width]],
      ["mlp.c_fc.weight", [4 * width, width]],
      ["mlp.c_fc.bias", [4 * width]],
      ["mlp.c_proj.weight", [width, 4 * width]],
      ["mlp.c_proj.bias", [width]],
    ];
    const weights = new Map(shapes.map(([name, shape]) => [name, zeros(shape, "float32", "meta")]));
    const x = zeros([batch * tokens, width], "float32", "meta");
    const layout = { rows: batch, length: tokens };
    const metered = both([x, ...weights.values()], (input) =>
      block(input as Tensor, viewOf(weights), { heads: 12, causal: false, quickGelu: false, layout }),
    );
    const linears = 2 * batch * tokens * 12 * width ** 2;
    const attended = 4 * batch * tokens ** 2 * width;
    expect(flopsOf(metered, /scaled_dot/)).toBe(3.5 * attended);
    expect(metered.flops).toBe(3 * linears + 3.5 * attended);
  });
});

/**
 * The closed form of a full step, less what the last block does not do for tokens that are not pooled. `factor` is the kernel's for attention's
 * backward pass; a mask, as the pooled text's, makes it 3. Our loss makes the similarity twice.
 */
function closedForm(batch: number, factor: number): number {
  const { embed_dim: embed, vision_cfg: vision, text_cfg: text } = smallConfigs.vit;
  const places = (vision.image_size / vision.patch_size) ** 2;
  const tower = (d: number, n: number, { layers, pooledFactor }: { layers: number; pooledFactor: number }): number => {
    const block = 3 * 24 * d * d * n + factor * 4 * n * n * d;
    const pooled = 3 * (4 * d * d * n + 20 * d * d) + pooledFactor * 4 * n * d;
    return (layers - 1) * block + pooled + 3 * 2 * embed * d;
  };
  const convolution = 2 * places * vision.width * 3 * vision.patch_size ** 2;
  const perSample =
    tower(vision.width, places + 1, { layers: vision.layers, pooledFactor: factor }) +
    tower(text.width, text.context_length, { layers: text.layers, pooledFactor: 3 }) +
    2 * convolution +
    2 * 3 * 2 * batch * embed;
  return batch * perSample;
}

for (const [precision, factor] of [
  ["fp32", 3.5],
  ["bf16", 3],
] as const)
  test(`a whole ${precision} step costs its closed form with attention factor ${factor}`, () => {
    scope(() => {
      const learner = createLearner(smallModel("vit"), stepOptions({ precision }));
      const batch = smallBatch("vit");
      learn(learner, batch, { multiplier: 1, step: 0 });
      const metered = meter(() => learn(learner, batch, { multiplier: 1, step: 1 }));
      expect(metered.flops).toBe(closedForm(4, factor));
      const parameters = learner.slots.reduce((total, { weight }) => total + weight.size, 0);
      const optimizer = metered.calls.filter(({ operator }) => operator === "evergreen::adamw_");
      expect(optimizer.map(({ elements }) => elements)).toEqual([parameters]);
      release(learner.moments);
    });
  });

test("activations that are computed again are work, and the peak is lower", () => {
  const [plain, checkpointed] = [false, true].map((checkpointing) =>
    scope(() => {
      const learner = createLearner(smallModel("vit"), stepOptions({ checkpointing }));
      const { flops, peakBytes } = meter(() => learn(learner, smallBatch("vit", 32), { multiplier: 1, step: 0 }));
      release(learner.moments);
      return { flops, peakBytes };
    }),
  ) as [{ flops: number; peakBytes: number }, { flops: number; peakBytes: number }];
  expect(checkpointed.flops).toBeGreaterThan(plain.flops * 1.2);
  expect(checkpointed.peakBytes).toBeLessThan(plain.peakBytes);
});

test("the peak counts what lives at the same time, and meta apart", () => {
  scope(() => {
    const before = memory().live;
    const host = meter(() => {
      scope(() => void zeros([1000]));
      scope(() => void zeros([500]));
    });
    expect(host.peakBytes - before).toBe(4000);
    const planned = meter(() => scope(() => void mul(zeros([1000], "float32", "meta"), zeros([1000], "float32", "meta"))));
    expect(planned.metaPeakBytes).toBe(12_000);
    expect(planned.elements).toBe(3000);
    expect(memory().metaLive).toBe(0);
  });
});

test("work inside of metered work cannot be metered, and a failure ends the meter", () => {
  expect(() => meter(() => meter(() => 0))).toThrow(/being metered already/);
  expect(() =>
    meter(() => {
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(meter(() => 7).result).toBe(7);
});
