import { expect, test } from "vitest";
import { furthest, mergeToy, mergeToys } from "../../../test/engine/toy-merges.ts";

const operator = { name: "model-stock" };

const distanceFrom = async (expected: readonly number[], models: readonly (readonly number[])[], base = [0, 0]): Promise<number> =>
  furthest(await mergeToy({ operator, models, base }), expected);

test("identical models come back, orthogonal ones give the base", async () => {
  const [identical, orthogonal] = [
    [
      [3, 1],
      [3, 1],
    ],
    [
      [2, 0],
      [1, 1],
    ],
  ] as const;
  expect(await distanceFrom([3, 1], identical, [1, 0])).toBeLessThan(1e-6);
  expect(await distanceFrom([1, 0], orthogonal, [1, 0])).toBeLessThan(1e-6);
});

test("opposite vectors do not push past the base, and cancelling ones give the mean", async () => {
  const [opposite, cancelling] = [
    // c = −.6, so ρ would be −3.
    [
      [1, 0],
      [-0.6, 0.8],
    ],
    [
      [1, 0],
      [-1, 0],
    ],
  ] as const;
  expect(await distanceFrom([0, 0], opposite)).toBeLessThan(1e-6);
  expect(await distanceFrom([0, 0], cancelling)).toBeLessThan(1e-6);
});

test("the base as a model is refused, since it would be the result for ever", async () => {
  await expect(
    mergeToy({
      operator,
      models: [
        [0, 0],
        [3, 1],
      ],
    }),
  ).rejects.toMatchObject({
    code: "EG-3150",
    message: expect.stringContaining("model 1 of 2 is the base itself"),
  });
});

test("a tensor that only some models moved takes the mean, one that none moved stays", async () => {
  const found = await mergeToys({
    operator,
    models: [
      { a: [1, 0], b: [2, 0], c: [5] },
      { a: [1, 0], b: [0, 0], c: [5] },
    ],
    base: { a: [0, 0], b: [0, 0], c: [5] },
  });
  expect(found).toEqual({ a: Float32Array.of(1, 0), b: Float32Array.of(1, 0), c: Float32Array.of(5) });
});
