import { expect, test } from "vitest";
import { movedByTenSteps, trainedCount } from "../../../test/fixtures/training/adapted.ts";

test("ten steps move every bias and nothing else", async () => {
  const { moved } = await movedByTenSteps("bitfit");
  expect(moved.every((name) => name.endsWith("bias"))).toBe(true);
  // Two blocks of six biases in each tower (ln_1, ln_2, in, out, c_fc, c_proj), ln_pre, ln_post, ln_final.
  expect(moved).toHaveLength(2 * 2 * 6 + 3);
});

test("logit_scale learns when asked", async () => {
  const { moved } = await movedByTenSteps("bitfit", { tuneLogitScale: true, select: ["ln_final.bias"] });
  expect(moved).toEqual(["logit_scale", "ln_final.bias"]);
});

test("select narrows by name", async () => {
  const { moved } = await movedByTenSteps("bitfit", { select: ["visual.*.resblocks.1.mlp.*", "transformer.resblocks.0.ln_*"] });
  expect(moved).toEqual([
    "visual.transformer.resblocks.1.mlp.c_fc.bias",
    "visual.transformer.resblocks.1.mlp.c_proj.bias",
    "transformer.resblocks.0.ln_1.bias",
    "transformer.resblocks.0.ln_2.bias",
  ]);
});

test("a ResNet's batch norms have biases too", async () => {
  const [vit, resnet] = [
    await trainedCount("ViT-B-32", "bitfit", { select: ["visual.*"] }),
    await trainedCount("RN50", "bitfit", { select: ["visual.*"] }),
  ];
  expect(vit).toBe(171_008 - 12 * 11 * 512 - 512);
  expect(resnet).toBeGreaterThan(20_000);
});
