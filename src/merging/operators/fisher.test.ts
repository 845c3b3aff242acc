import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy } from "../../../test/engine/toy-merges.ts";

const operator = { name: "fisher" };

test("entries are weighted by their information", async () => {
  const found = await mergeToy({
    operator,
    models: [
      [1, 2, 3],
      [3, 6, 5],
    ],
    statistics: [
      [3, 0, 1],
      [1, 2, 1],
    ],
  });
  expect(furthest(found, [1.5, 6, 4])).toBeLessThan(1e-5);
});

test("where no model has information, in an entry or a whole tensor, the mean stands", async () => {
  const models = [
    [1, 2],
    [3, 6],
  ];
  expect(
    furthest(
      await mergeToy({
        operator,
        models,
        statistics: [
          [3, 0],
          [1, 0],
        ],
      }),
      [1.5, 4],
    ),
  ).toBeLessThan(1e-5);
  expect(
    await mergeToy({
      operator,
      models,
      statistics: [
        [0, 0],
        [0, 0],
      ],
    }),
  ).toEqual([2, 4]);
});

test("equal information is the plain mean", async () => {
  const models = [3, 4, 5].map((seed) => entries(40, seed));
  const statistics = models.map(() => Array.from({ length: 40 }, () => 0.3));
  expect(furthest(await mergeToy({ operator, models, statistics }), await mergeToy({ operator: { name: "linear" }, models }))).toBeLessThan(
    1e-6,
  );
});
