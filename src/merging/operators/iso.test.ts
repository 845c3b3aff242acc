import { expect, test } from "vitest";
import { furthest, mergeToy } from "../../../test/engine/toy-merges.ts";

const operator = { name: "iso" };

test("all singular values of a layer become their mean", async () => {
  // Σ τ = diag(3, 1), with singular values 3 and 1.
  const models = [
    [1, 0, 0, 1],
    [2, 0, 0, 0],
  ];
  const tensors = { x: { shape: [2, 2], layers: 1 } };
  expect(furthest(await mergeToy({ operator, models, tensors }), [2, 0, 0, 2])).toBeLessThan(1e-6);
  expect(furthest(await mergeToy({ operator: { ...operator, lambda: 0.5 }, models, tensors }), [1, 0, 0, 1])).toBeLessThan(1e-6);
});

test("layers that lie below each other are taken apart", async () => {
  const models = [[4, 0, 0, 2, 0, 1, 1, 0]];
  const tensors = { x: { shape: [4, 2], layers: 2 } };
  expect(furthest(await mergeToy({ operator, models, tensors }), [3, 0, 0, 3, 0, 1, 1, 0])).toBeLessThan(1e-6);
});

test("other tensors take the mean task vector", async () => {
  expect(
    await mergeToy({
      operator,
      models: [
        [1, 3],
        [3, 5],
      ],
      base: [1, 1],
    }),
  ).toEqual([2, 4]);
});
