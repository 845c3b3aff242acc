import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy } from "../../../test/engine/toy-merges.ts";

const regmean = (keep: number) => ({ name: "regmean", keep });
const square = { x: { shape: [2, 2], layers: 1 } };

test("diagonal products weight the columns of output-first layers, the rows of input-first ones", async () => {
  const models = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ];
  const statistics = [
    [3, 0, 0, 1],
    [1, 0, 0, 1],
  ];
  expect(furthest(await mergeToy({ operator: regmean(1), models, statistics, tensors: square }), [2, 4, 4, 6])).toBeLessThan(1e-6);
  const tensors = { x: { ...square.x, isInputFirst: true } };
  expect(furthest(await mergeToy({ operator: regmean(1), models, statistics, tensors }), [2, 3, 5, 6])).toBeLessThan(1e-6);
});

test("the merged layer solves the least squares of all models' outputs", async () => {
  const [inputs, outputs, rows] = [3, 2, 9];
  const weights = [4, 5].map((seed) => entries(outputs * inputs, seed));
  const data = [6, 7].map((seed) => entries(rows * inputs, seed));
  const gram = (x: Float32Array) =>
    Float32Array.from({ length: inputs * inputs }, (_, at) => {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += (x[r * inputs + Math.floor(at / inputs)] ?? 0) * (x[r * inputs + (at % inputs)] ?? 0);
      return sum;
    });
  const merged = await mergeToy({
    operator: regmean(1),
    models: weights,
    statistics: data.map(gram),
    tensors: { x: { shape: [outputs, inputs], layers: 1 } },
  });
  // At the minimum of Σ ‖X_i Wᵀ − X_i W_iᵀ‖² its gradient Σ (W − W_i) G_i is zero.
  const gradient = Array.from({ length: outputs * inputs }, (_, at) => {
    const [row, column] = [Math.floor(at / inputs), at % inputs];
    let sum = 0;
    data.forEach((x, i) => {
      const g = gram(x);
      for (let k = 0; k < inputs; k++)
        sum += ((merged[row * inputs + k] ?? 0) - (weights[i]?.[row * inputs + k] ?? 0)) * (g[k * inputs + column] ?? 0);
    });
    return Math.abs(sum);
  });
  expect(Math.max(...gradient)).toBeLessThan(1e-5);
});

test("tensors without products are the plain mean", async () => {
  expect(
    await mergeToy({
      operator: regmean(0.9),
      models: [
        [1, 2],
        [3, 6],
      ],
    }),
  ).toEqual([2, 4]);
});
