import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";

const crumbs = (more: object) => ({ name: "breadcrumbs-ties", ...more });

test("without trims it is ties without a trim", async () => {
  const models = [3, 4, 5].map((seed) => entries(60, seed));
  const expected = await mergeToy({ operator: { name: "ties", remove: 0 }, models });
  expect(await mergeToy({ operator: crumbs({ remove: 0, top: 0 }), models })).toEqual(expected);
});

test("trims that would leave nothing are refused", async () => {
  await expect(mergeToy({ operator: crumbs({ remove: 0.7, top: 0.3 }), models: workedVectors })).rejects.toThrow(
    /remove and top together must stay below 1/,
  );
});
