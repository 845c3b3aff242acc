import { expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";

test("nothing dropped is ties without a trim, for each way to agree", async () => {
  for (const merge of ["mean", "sum", "max"])
    expect(await mergeToy({ operator: { name: "dare-ties", remove: 0, merge }, models: workedVectors }), merge).toEqual(
      await mergeToy({ operator: { name: "ties", remove: 0, merge }, models: workedVectors }),
    );
});

test("of one model the entries that stay are those of dare", async () => {
  const models = [entries(200, 6)];
  expect(await mergeToy({ operator: { name: "dare-ties", remove: 0.8 }, models, seed: 3 })).toEqual(
    await mergeToy({ operator: { name: "dare", remove: 0.8 }, models, seed: 3 }),
  );
});
