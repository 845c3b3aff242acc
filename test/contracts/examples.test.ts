import { expect, test } from "vitest";
import { methods } from "../../src/continual/method.ts";
import { scope } from "../../src/engine/scope.ts";
import { item, readFloats, scalar, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { objectives } from "../../src/nn/objective.ts";
import { optimizers } from "../../src/nn/optimizer.ts";
import { usePlugins } from "../../src/pipeline/catalogues.ts";
import { mergeToys } from "../engine/toy-merges.ts";
import { exampleParts } from "../fixtures/judged-parts.ts";

// Values of the examples that compute with tensors, worked by hand; what is true of every part of their kinds is in the contracts.

usePlugins([exampleParts]);

test("coordinate-median: the middle of three, of four the mean of the two in the middle", async () => {
  const of = (...models: readonly (readonly number[])[]) => mergeToys({ operator: { name: "coordinate-median" }, models });
  expect([...((await of([1, -5, 2], [3, 0, 2], [100, 7, -9])).x ?? [])]).toEqual([3, 0, 2]);
  expect([...((await of([1], [2], [4], [1000])).x ?? [])]).toEqual([3]);
});

test("signum: moves by the rate against the sign of the mean, after the decay; a mean of nothing moves nothing", async () => {
  const part = await optimizers.load("signum");
  scope(() => {
    const weight = tensor([1, -2, 0.5], [3], "float32");
    const state = part.init(new Map([["w", weight]]), {});
    const options = part.options.parse({ momentum: 0.5 });
    const step = (gradient: readonly number[], at: number): void =>
      part.step([{ name: "w", weight, learningRate: 0.25, decay: 0.5 }], [tensor(gradient, [3], "float32")], state, {
        step: at,
        scale: scalar(1),
        options,
      });
    step([4, -8, 0], 1);
    // θ(1 − 0.25 · 0.5) − 0.25 · sign(m), m = g/2.
    expect([...readFloats(weight)]).toEqual([0.625, -1.5, 0.4375]);
    step([-1, 2, 0], 2);
    // m = [0.5, −1, 0]: the old direction still wins.
    expect([...readFloats(weight)]).toEqual([0.625 * 0.875 - 0.25, -1.5 * 0.875 + 0.25, 0.4375 * 0.875]);
  });
});

test("decoupled: of two pairs, half the sum of each one's product with the other less its own", async () => {
  const part = await objectives.load("decoupled");
  scope(() => {
    const image = tensor([1, 0, 0, 1], [2, 2], "float32");
    const text = tensor([0.6, 0.8, 0, 1], [2, 2], "float32");
    // One negative each, so log Σ exp is its product: 5·0 − 5·0.6 and 5·0.8 − 5·1, either way.
    const oneWay = (5 * 0 - 5 * 0.6 + (5 * 0.8 - 5 * 1)) / 2;
    const otherWay = (5 * 0.8 - 5 * 0.6 + (5 * 0 - 5 * 1)) / 2;
    expect(item(part.loss({ image, text, scale: scalar(5) }))).toBeCloseTo((oneWay + otherWay) / 2, 5);
  });
});

test("loosening-spring: k/2 · Σ (θ − θ*)² and k (θ − θ*); k falls to its end over the task's steps", async () => {
  const part = await methods.load("loosening-spring");
  const method = part.build(part.options.parse({ stiffness: 2, end: 0.5 }));
  scope(() => {
    const [weight, anchor] = [tensor([3, -1], [2], "float32"), tensor([1, -1], [2], "float32")];
    let state = { anchor: new Map([["w", anchor]]), steps: 5, now: 2 } as unknown as Parameters<NonNullable<typeof method.penalty>>[2];
    const pull = method.penalty?.("w", weight, state);
    expect([item(pull?.value as Tensor), ...readFloats(pull?.gradient as Tensor)]).toEqual([4, 4, 0]);
    expect(method.penalty?.("other", weight, state)).toBeUndefined();
    const stiffness: unknown[] = [];
    for (let step = 0; step < 5; step++) {
      stiffness.push((state as unknown as { readonly now: number }).now);
      state = method.afterStep?.({ at: { task: 0, step } } as never, state) ?? state;
    }
    expect(stiffness).toEqual([2, 1.75, 1.5, 1.25, 1]);
  });
});
