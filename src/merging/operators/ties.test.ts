import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy, mergeToys, workedVectors } from "../../../test/engine/toy-merges.ts";

const ties = (more: object) => ({ name: "ties", ...more });

test("one model, nothing removed, lambda 1: it comes back", async () => {
  const [base, model] = [entries(80, 3), entries(80, 4)];
  expect(furthest(await mergeToy({ operator: ties({ remove: 0 }), models: [model], base }), model)).toBeLessThan(1e-6);
});

test("identical models give that model", async () => {
  const [first] = workedVectors;
  for (const merge of ["mean", "max"])
    expect(furthest(await mergeToy({ operator: ties({ remove: 0, merge }), models: [first, first, first] }), first)).toBeLessThan(1e-6);
});

test("exactly the share is removed, equal magnitudes from the front", async () => {
  for (const [remove, expected] of [
    [0, [1, -1, 1, -1, 1]],
    [0.2, [0, -1, 1, -1, 1]],
    [0.59, [0, 0, 1, -1, 1]],
    [0.6, [0, 0, 0, -1, 1]],
  ] as const)
    expect(await mergeToy({ operator: ties({ remove, merge: "sum" }), models: [[1, -1, 1, -1, 1]] }), `${remove}`).toEqual(expected);
});

test("for drawn vectors as many entries stay as a sort would leave", async () => {
  const model = Array.from(entries(999, 5));
  const limit = model.map(Math.abs).sort((a, b) => a - b)[Math.floor(0.37 * 999)] ?? 0;
  const expected = model.map((entry) => (Math.abs(entry) < limit ? 0 : entry));
  expect(expected.filter((entry) => entry === 0)).toHaveLength(369);
  expect(await mergeToy({ operator: ties({ remove: 0.37 }), models: [model], block: 100 })).toEqual(expected);
});

test("a threshold over the tower compares tensors, one per tensor does not", async () => {
  const models = [{ small: [0.1, 0.2], large: [1, 2] }];
  const tensors = { small: {}, large: {} };
  expect(await mergeToys({ operator: ties({ remove: 0.5 }), models, tensors })).toEqual({
    small: Float32Array.of(0, 0),
    large: Float32Array.of(1, 2),
  });
  expect(await mergeToys({ operator: ties({ remove: 0.5, scope: "tensor" }), models, tensors })).toEqual({
    small: Float32Array.of(0, 0.2),
    large: Float32Array.of(0, 2),
  });
});

test("where entries cancel the majority decides, and where there is none the base stays", async () => {
  const cancelling = (rest: number) => [
    [2, rest],
    [-2, rest],
  ];
  const operator = ties({ remove: 0 });
  expect(await mergeToy({ operator, models: cancelling(1) })).toEqual([2, 1]);
  expect(await mergeToy({ operator, models: cancelling(-1) })).toEqual([-2, -1]);
  expect(
    await mergeToy({
      operator,
      models: [
        [2.5, 0.5],
        [-1.5, 0.5],
      ],
      base: [0.5, 0.5],
    }),
  ).toEqual([0.5, 0.5]);
});
