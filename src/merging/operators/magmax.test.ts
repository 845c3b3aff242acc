import { expect, test } from "vitest";
import { mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";

const operator = { name: "magmax" };

test("a model merged with itself comes back", async () => {
  const [first] = workedVectors;
  expect(await mergeToy({ operator, models: [first, first] })).toEqual(first);
});

test("of two that moved as far the older one stays", async () => {
  expect(
    await mergeToy({
      operator,
      models: [
        [1, -1],
        [-1, 1],
        [0.5, 2],
      ],
    }),
  ).toEqual([1, 2]);
});

test("lambda scales what was chosen", async () => {
  expect(
    await mergeToy({
      operator: { ...operator, lambda: 0.5 },
      models: [
        [1, -1],
        [-3, 0],
      ],
      base: [1, 1],
    }),
  ).toEqual([-1, 0]);
});
