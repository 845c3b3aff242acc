import { expect, test } from "vitest";
import { movedByTenSteps, trainedCount } from "../../../test/fixtures/training/adapted.ts";

test("ten steps leave every bit of the image tower", async () => {
  const { moved } = await movedByTenSteps("locked-image");
  expect(moved.filter((name) => name.startsWith("visual."))).toEqual([]);
  expect(moved).toContain("logit_scale");
  expect(moved).toContain("text_projection");
});

test("on ViT-B-32 the text tower's parameters and the logit scale learn", async () => {
  expect(await trainedCount("ViT-B-32", "locked-image")).toBe(151_277_313 - 87_849_216);
});
