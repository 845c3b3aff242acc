import { expect, test } from "vitest";
import { scope } from "../engine/scope.ts";
import { tensor } from "../engine/tensor.ts";
import { createRandom } from "../util/random.ts";
import { fitLogistic, labelled, logitsOf, meanCrossEntropy, releaseFeatures } from "./logistic-regression.ts";

const options = { tolerance: 1e-10 };

/** Fits rows of features and gives the weights with what was asked of them. */
function fitted(
  rows: readonly (readonly number[])[],
  labels: readonly number[],
  { classes = 2, l2 = 0, start = undefined as Float64Array | undefined } = {},
) {
  return scope(() => {
    const data = labelled({ features: tensor(rows.flat(), [rows.length, rows[0]?.length ?? 0], "float32"), labels }, classes);
    try {
      return fitLogistic(data, { ...options, l2, ...(start ? { start } : {}) });
    } finally {
      releaseFeatures(data);
    }
  });
}

test("two points at ±1: the penalty that makes the margin ln 3 is ½ / ln 3", () => {
  // With d = w₁ − w₀ the objective is ln(1 + e^−d) + l2/4 · d²; its derivative vanishes where l2 · d/2 = 1/(1 + e^d), which is ¼ at d = ln 3.
  const { at, value, converged } = fitted([[-1], [1]], [0, 1], { l2: 0.5 / Math.log(3) });
  expect(converged).toBe(true);
  const half = Math.log(3) / 2;
  for (const [i, expected] of [-half, 0, half, 0].entries()) expect(at[i]).toBeCloseTo(expected, 8);
  expect(value).toBeCloseTo(Math.log(4 / 3) + Math.log(3) / 8, 10);
});

test("features that say nothing leave the class frequencies: softmax of the biases is 1/6, 2/6, 3/6, and biases are not penalised", () => {
  const { at } = fitted(new Array<readonly number[]>(6).fill([0]), [0, 1, 1, 2, 2, 2], { classes: 3, l2: 5 });
  const biases = [at[1], at[3], at[5]].map((bias) => Math.exp(bias ?? 0));
  const sum = biases.reduce((a, b) => a + b, 0);
  for (const [label, odds] of biases.entries()) expect(odds / sum).toBeCloseTo((label + 1) / 6, 8);
  expect([at[0], at[2], at[4]]).toEqual([0, 0, 0]);
});

/** Unit vectors in four dimensions about three centres, by a counter. */
function clustered(items: number): { readonly rows: readonly (readonly number[])[]; readonly labels: readonly number[] } {
  const draws = createRandom(3).at("test/clustered");
  const labels = Array.from({ length: items }, (_, i) => i % 3);
  const rows = labels.map((label) => {
    const row = Array.from({ length: 4 }, (_, axis) => (axis === label ? 1.2 : 0) + draws.normal());
    const length = Math.hypot(...row);
    return row.map((entry) => entry / length);
  });
  return { rows, labels };
}

test("at the minimum the mean of (p − y)·x is −l2 · w, entry by entry", () => {
  const { rows, labels } = clustered(60);
  const l2 = 0.01;
  const found = fitted(rows, labels, { classes: 3, l2 });
  const logits = scope(() => logitsOf(tensor(rows.flat(), [60, 4], "float32"), found, 3));
  for (let k = 0; k < 3; k++)
    for (let e = 0; e <= 4; e++) {
      let mean = 0;
      for (const [i, row] of rows.entries()) {
        const scores = Array.from(logits.subarray(3 * i, 3 * i + 3), Math.exp);
        const p = (scores[k] ?? 0) / scores.reduce((a, b) => a + b, 0);
        mean += ((p - (labels[i] === k ? 1 : 0)) * Math.fround(row[e] ?? 1)) / 60;
      }
      expect(mean + (e < 4 ? l2 * (found.at[5 * k + e] ?? 0) : 0)).toBeCloseTo(0, 8);
    }
});

test("the minimum depends neither on the start nor on the order of items, and equal items count as their number says", () => {
  const { rows, labels } = clustered(30);
  const l2 = 0.05;
  const { at } = fitted(rows, labels, { classes: 3, l2 });
  const others = [
    fitted(rows, labels, { classes: 3, l2, start: at.map((_, i) => (i % 7) - 3) }),
    fitted([...rows].reverse(), [...labels].reverse(), { classes: 3, l2 }),
    fitted([...rows, ...rows], [...labels, ...labels], { classes: 3, l2 }),
  ];
  // Biases are known up to a common shift, which the start decides.
  const differences = (of: Float64Array): number[] => Array.from(of, (entry, i) => (i % 5 === 4 ? entry - (of[4] ?? 0) : entry));
  for (const other of others)
    for (const [i, entry] of differences(other.at).entries()) expect(entry).toBeCloseTo(differences(at)[i] ?? Number.NaN, 6);
});

test("the same data give the same bits, and one class alone is no error", () => {
  const { rows, labels } = clustered(30);
  expect(fitted(rows, labels, { classes: 3, l2: 0.1 })).toEqual(fitted(rows, labels, { classes: 3, l2: 0.1 }));
  expect(fitted([[1], [1]], [0, 0], { classes: 1, l2: 1 })).toMatchObject({ value: 0, converged: true });
});

test("mean cross entropy: equal logits say ln K, a lead of ln 3 among two says ln 4/3, and large logits do not overflow", () => {
  expect(meanCrossEntropy([0, 0, 0, 5, 5, 5], [0, 2], 3)).toBeCloseTo(Math.log(3), 12);
  expect(meanCrossEntropy([Math.log(3), 0, 0, Math.log(3)], [0, 1], 2)).toBeCloseTo(Math.log(4 / 3), 12);
  expect(meanCrossEntropy([1000, 0], [1], 2)).toBe(1000);
});
