import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";

const base = Array.from(entries(6, 9));
const models = workedVectors.map((vector) => vector.map((entry, i) => entry + (base[i] ?? 0)));

test("one model with lambda 1 comes back", async () => {
  const [only = []] = models;
  expect(furthest(await mergeToy({ operator: { name: "task-arithmetic" }, models: [only], base }), only)).toBeLessThan(1e-6);
});

test("lambda 1/n is the plain mean of the models", async () => {
  const mean = await mergeToy({ operator: { name: "linear" }, models, base });
  for (const lambda of ["mean", 1 / 3])
    expect(furthest(await mergeToy({ operator: { name: "task-arithmetic", lambda }, models, base }), mean)).toBeLessThan(1e-6);
});

test("weights are factors of the task vectors, and need not add up to 1", async () => {
  const found = await mergeToy({ operator: { name: "task-arithmetic" }, models: workedVectors, weights: { each: [2, 0, -1] } });
  expect(furthest(found, [2.5, -3, 4, -3, -0.25, -9])).toBeLessThan(1e-6);
});
