import { expect, test } from "vitest";
import { mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";
import { createRandom } from "../../util/random.ts";

const operator = { name: "random" };

test("one model comes back", async () => {
  expect(await mergeToy({ operator, models: [workedVectors[0]] })).toEqual(workedVectors[0]);
});

test("every entry is a model's own, by the draw of purpose merge/random at that entry", async () => {
  const models = [1, 2, 3, 4, 5].map((value) => Array.from({ length: 300 }, () => value));
  const found = await mergeToy({ operator, models, seed: 7, task: 2 });
  const random = createRandom(7);
  expect(found).toEqual(found.map((_, index) => 1 + random.at("merge/random", { task: 2, index }).below(5)));
});

test("models are drawn equally often, and differently for another seed or task", async () => {
  const models = [0, 1, 2].map((value) => Array.from({ length: 9000 }, () => value));
  const found = await mergeToy({ operator, models });
  for (const value of [0, 1, 2]) {
    const count = found.filter((each) => each === value).length;
    // Five standard deviations of a binomial count.
    expect(Math.abs(count - 3000)).toBeLessThan(5 * Math.sqrt((9000 * 2) / 9));
  }
  expect(await mergeToy({ operator, models, seed: 1 })).not.toEqual(found);
  expect(await mergeToy({ operator, models, task: 1 })).not.toEqual(found);
});
