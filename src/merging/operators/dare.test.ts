import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";
import { createRandom } from "../../util/random.ts";

const dare = (remove: number) => ({ name: "dare", remove });

test("nothing dropped is task arithmetic", async () => {
  const expected = await mergeToy({ operator: { name: "task-arithmetic" }, models: workedVectors });
  expect(await mergeToy({ operator: dare(0), models: workedVectors })).toEqual(expected);
});

test("entries drop by the draw of purpose merge/dare at model and entry, others are divided by 1 - p", async () => {
  const models = [entries(100, 3), entries(100, 4)];
  const random = createRandom(5);
  const kept = (step: number, index: number): number => (random.at("merge/dare", { task: 1, step, index }).uniform() < 0.75 ? 0 : 4);
  const expected = Array.from(models[0] ?? [], (entry, index) => {
    const other = models[1]?.[index] ?? 0;
    return Math.fround(entry * kept(0, index)) + Math.fround(other * kept(1, index));
  });
  const found = await mergeToy({ operator: dare(0.75), models, seed: 5, task: 1 });
  expect(furthest(found, expected.map(Math.fround))).toBe(0);
  expect(found.filter((entry) => entry === 0).length).toBeGreaterThan(30);
});

test("the mean over seeds is the untrimmed sum within three standard errors", async () => {
  const seeds = 100;
  const vector = [1, -2, 0.5];
  const sums = [0, 0, 0];
  for (let seed = 0; seed < seeds; seed++)
    (await mergeToy({ operator: dare(0.5), models: [vector], seed })).forEach((entry, i) => {
      sums[i] = (sums[i] ?? 0) + entry / seeds;
    });
  // One draw is 0 or 2x, so its deviation is |x|.
  vector.forEach((entry, i) => {
    expect(Math.abs((sums[i] ?? 0) - entry)).toBeLessThan((3 * Math.abs(entry)) / Math.sqrt(seeds));
  });
});

test("a probability above 0.99 is refused", async () => {
  await expect(mergeToy({ operator: dare(0.995), models: workedVectors })).rejects.toThrow(/remove/);
});
