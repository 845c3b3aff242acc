import { expect, test } from "vitest";
import { movedByTenSteps, trainedCount } from "../../../test/fixtures/training/adapted.ts";

test("ten steps move scale and shift of every layer norm and nothing else", async () => {
  const { moved } = await movedByTenSteps("lnfit");
  expect(moved.every((name) => /(^|\.)ln_(pre|post|final|1|2)\.(weight|bias)$/.test(name))).toBe(true);
  expect(moved).toHaveLength(2 * (2 * 2 * 2 + 3));
});

test("select narrows by name, logit_scale learns when asked", async () => {
  const { moved } = await movedByTenSteps("lnfit", { tuneLogitScale: true, select: ["visual.ln_*"] });
  expect(moved).toEqual(["logit_scale", "visual.ln_pre.weight", "visual.ln_pre.bias", "visual.ln_post.weight", "visual.ln_post.bias"]);
});

test("a ResNet's batch norms are no layer norms", async () => {
  expect(await trainedCount("RN50", "lnfit", { select: ["visual.*"] })).toBe(0);
});
