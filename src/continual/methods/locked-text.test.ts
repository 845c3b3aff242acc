import { expect, test } from "vitest";
import { movedByTenSteps, trainedCount } from "../../../test/fixtures/training/adapted.ts";

test("ten steps leave every bit of the text tower and of logit_scale", async () => {
  const { moved } = await movedByTenSteps("locked-text");
  expect(moved.length).toBeGreaterThan(10);
  expect(moved.filter((name) => !name.startsWith("visual."))).toEqual([]);
});

test("on ViT-B-32 the image tower's parameters learn", async () => {
  expect(await trainedCount("ViT-B-32", "locked-text")).toBe(87_849_216);
});
