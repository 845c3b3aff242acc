import { expect, test } from "vitest";
import { mergeToy, workedVectors } from "../../../test/engine/toy-merges.ts";

test("the newest model comes back, bit for bit, and weights have no meaning", async () => {
  expect(await mergeToy({ operator: { name: "latest" }, models: workedVectors })).toEqual(workedVectors[2]);
  await expect(mergeToy({ operator: { name: "latest" }, models: workedVectors, weights: { recency: "exp" } })).rejects.toThrow(
    /takes no weights/,
  );
});
