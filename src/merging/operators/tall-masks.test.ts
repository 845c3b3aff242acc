import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";

const tall = (more: object = {}) => ({ name: "tall-masks", ...more });

test("agreement of none is task arithmetic", async () => {
  const models = [3, 4, 5].map((seed) => entries(50, seed));
  const expected = await mergeToy({ operator: { name: "task-arithmetic" }, models });
  expect(await mergeToy({ operator: tall({ agree: 0 }), models })).toEqual(expected);
});

test("by default two models must agree, so that the default differs from task arithmetic", async () => {
  expect(await mergeToy({ operator: tall(), models: workedVectors })).toEqual([2.5, -2, 4, 0, 0, 0]);
});

test("one model, or one beside the base itself, loses nothing", async () => {
  const [first] = workedVectors;
  expect(await mergeToy({ operator: tall(), models: [first] })).toEqual(first);
  expect(await mergeToy({ operator: tall(), models: [first, first.map(() => 0)] })).toEqual(first);
});
