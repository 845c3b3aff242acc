import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy } from "../../../test/engine/toy-merges.ts";

const operator = { name: "multislerp" };

test("for two models it is slerp, norms included", async () => {
  const models = [Array.from(entries(40, 3)), Array.from(entries(40, 4), (entry) => 3 * entry)];
  for (const w of [0.1, 0.5, 0.8]) {
    const weights = { each: [1 - w, w] };
    const expected = await mergeToy({ operator: { name: "slerp" }, models, weights });
    expect(furthest(await mergeToy({ operator, models, weights }), expected)).toBeLessThan(1e-6);
  }
});

test("three unit axes meet in their middle, on the sphere", async () => {
  const models = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const third = 1 / Math.sqrt(3);
  expect(furthest(await mergeToy({ operator, models }), [third, third, third])).toBeLessThan(1e-6);
});

test("the logarithms of the models at the mean cancel, weighted", async () => {
  const unit = (angles: readonly number[]): number[] => {
    const [a = 0, b = 0] = angles;
    return [Math.cos(a) * Math.cos(b), Math.sin(a) * Math.cos(b), Math.sin(b)];
  };
  const models = [unit([0.1, 0.2]), unit([1.1, -0.3]), unit([0.6, 0.9])];
  const each = [0.2, 0.5, 0.3];
  const mean = await mergeToy({ operator, models, weights: { each } });
  expect(Math.abs(Math.hypot(...mean) - 1)).toBeLessThan(1e-6);
  const pull = [0, 0, 0];
  for (const [i, model] of models.entries()) {
    const cosine = model.reduce((sum, x, k) => sum + x * (mean[k] ?? 0), 0);
    const factor = ((each[i] ?? 0) * Math.acos(cosine)) / Math.sqrt(1 - cosine * cosine);
    model.forEach((x, k) => {
      pull[k] = (pull[k] ?? 0) + factor * (x - cosine * (mean[k] ?? 0));
    });
  }
  expect(Math.hypot(...pull)).toBeLessThan(2e-6);
});

test("permuted models with permuted weights give the same mean", async () => {
  const [a, b, c] = [2, 3, 4].map((seed) => Array.from(entries(30, seed))) as [number[], number[], number[]];
  const one = await mergeToy({ operator, models: [a, b, c], weights: { each: [0.2, 0.3, 0.5] } });
  expect(furthest(one, await mergeToy({ operator, models: [c, a, b], weights: { each: [0.5, 0.2, 0.3] } }))).toBeLessThan(1e-6);
});
