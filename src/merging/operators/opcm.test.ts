import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy, mergeToys } from "../../../test/engine/toy-merges.ts";

const operator = { name: "opcm" };
const length = (vector: ArrayLike<number>): number => Math.hypot(...Array.from(vector));

test("one model comes back", async () => {
  const base = entries(12, 3);
  const model = entries(12, 4);
  expect(furthest(await mergeToy({ operator, models: [model], base, tensors: { x: { shape: [4, 3], layers: 1 } } }), model)).toBeLessThan(
    1e-6,
  );
});

test("the merged task vector of a tower is as long as a task vector on average", async () => {
  const models = [4, 5, 6].map((seed) => ({ w: entries(24, seed), b: entries(5, seed + 10) }));
  const found = await mergeToys({ operator, models, tensors: { w: { shape: [6, 4], layers: 3 } } });
  const whole = ({ w = [], b = [] }: Readonly<Record<string, ArrayLike<number>>>) => length([...Array.from(w), ...Array.from(b)]);
  const mean = models.reduce((sum, model) => sum + whole(model) / 3, 0);
  expect(Math.abs(whole(found) - mean)).toBeLessThan(1e-5);
});

test("a vector along the first one's own singular directions adds nothing to a layer", async () => {
  const models = [
    [3, 0, 0, 1],
    [5, 0, 0, -2],
  ];
  const found = await mergeToy({ operator, models, tensors: { x: { shape: [2, 2], layers: 1 } } });
  const scale = (length([3, 1]) + length([5, 2])) / 2 / length([3, 1]);
  expect(furthest(found, [3 * scale, 0, 0, scale])).toBeLessThan(1e-5);
});

test("what lies outside of a wide layer's directions stays whole", async () => {
  // Columns 3 and 4 are no direction of the first.
  const models = [
    [2, 0, 0, 0, 0, 1, 0, 0],
    [0, 0, 3, 0, 0, 0, 0, 4],
  ];
  const found = await mergeToy({ operator, models, tensors: { x: { shape: [2, 4], layers: 1 } } });
  const scale = (length([2, 1]) + 5) / 2 / length([2, 1, 3, 4]);
  expect(
    furthest(
      found,
      [2, 0, 3, 0, 0, 1, 0, 4].map((entry) => entry * scale),
    ),
  ).toBeLessThan(1e-5);
});
