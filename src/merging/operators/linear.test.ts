import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";
import { recencyShares } from "../shares.ts";

const operator = { name: "linear" };
const each = (...weights: number[]) => ({ each: weights });

test("weights [0, 1] and [1, 0] give one of the models, bit for bit", async () => {
  const [a, b] = [Array.from(entries(50, 2)), Array.from(entries(50, 3))];
  expect(await mergeToy({ operator, models: [a, b], weights: each(1, 0) })).toEqual(a);
  expect(await mergeToy({ operator, models: [a, b], weights: each(0, 1) })).toEqual(b);
});

test("permuted models with permuted weights give the same mean", async () => {
  const [a, b, c] = workedVectors;
  const one = await mergeToy({ operator, models: [a, b, c], weights: each(0.2, 0.3, 0.5) });
  const other = await mergeToy({ operator, models: [c, a, b], weights: each(0.5, 0.2, 0.3) });
  expect(furthest(one, other)).toBeLessThan(1e-6);
  expect(furthest(one, [0.55, -0.6, 1.3, 2.25, 0.05, 0.6])).toBeLessThan(1e-6);
});

test("a chain of 200 merges with weights [1 - w, w] ends at the closed form", async () => {
  const w = 0.95;
  let r = 0.5;
  let closed = w ** 200 * 0.5;
  for (let i = 1; i <= 200; i++) {
    const expert = Math.sin(i);
    [r = Number.NaN] = await mergeToy({ operator, models: [[expert], [r]], weights: each(1 - w, w) });
    closed += (1 - w) * w ** (200 - i) * Math.fround(expert);
  }
  expect(Math.abs(r - closed)).toBeLessThan(1e-5);
});

test("running means with the share of the newest give the merge of all", async () => {
  const models = Array.from({ length: 12 }, (_, i) => Array.from(entries(20, i + 5)));
  for (const recency of ["uniform", "tenth", "exp", "log"] as const) {
    let mean = models[0] ?? [];
    for (let n = 2; n <= models.length; n++) {
      const share = recencyShares(recency, n).at(-1) ?? 1;
      mean = Array.from(await mergeToy({ operator, models: [models[n - 1] ?? [], mean], weights: each(share, 1 - share) }));
    }
    expect(furthest(mean, await mergeToy({ operator, models, weights: { recency } })), recency).toBeLessThan(1e-6);
  }
});

test("weights that do not add up to 1 are refused, unless they are to be normalised", async () => {
  const models = [[1], [5]];
  await expect(mergeToy({ operator, models, weights: each(1, 1) })).rejects.toThrow(/weights 1, 1 add up to 2/);
  expect(await mergeToy({ operator, models, weights: { each: [1, 1], normalize: true } })).toEqual([3]);
  await expect(mergeToy({ operator, models, weights: each(1) })).rejects.toThrow(/1 weights for 2 models/);
});
