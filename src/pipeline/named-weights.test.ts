import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findModel, planModel } from "./model-source.ts";
import { namedWeights } from "./named-weights.ts";

const home = mkdtempSync(join(tmpdir(), "eg-hub-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const kept = join(home, "hub/models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K");
const name = "open_clip:ViT-B-32/laion2b_s34b_b79k";

test("published weights are found in Hugging Face's cache: the revision of main, else one that has weights", () => {
  expect(namedWeights(name, { HF_HOME: home })).toMatchObject({ architecture: "ViT-B-32", folder: undefined });
  for (const revision of ["aaa", "bbb"]) {
    mkdirSync(join(kept, "snapshots", revision), { recursive: true });
    writeFileSync(join(kept, "snapshots", revision, "open_clip_config.json"), "{}");
  }
  writeFileSync(join(kept, "snapshots", "bbb", "open_clip_model.safetensors"), "");
  expect(namedWeights(name, { HF_HUB_CACHE: join(home, "hub") })?.folder).toBe(join(kept, "snapshots/bbb"));
  writeFileSync(join(kept, "snapshots", "aaa", "open_clip_model.safetensors"), "");
  mkdirSync(join(kept, "refs"));
  writeFileSync(join(kept, "refs/main"), "bbb\n");
  expect(namedWeights(name, { HF_HOME: home })?.folder).toBe(join(kept, "snapshots/bbb"));
});

test("what is no such name is left to others; an unknown one is refused", () => {
  expect(namedWeights("./model.safetensors", {})).toBeUndefined();
  expect(() => namedWeights("open_clip:ViT-B-32/laion2b", {})).toThrow(/unknown weights/);
});

test("without the file a model can be planned with and not trained; its architecture must be the run's", async () => {
  const before = process.env.HF_HUB_CACHE;
  process.env.HF_HUB_CACHE = join(home, "empty");
  try {
    const spec = { seed: 0, model: { arch: "ViT-B-32", init: name } } as Parameters<typeof findModel>[0];
    await expect(findModel(spec)).rejects.toMatchObject({
      code: "EG-4401",
      fix: expect.stringContaining("laion/CLIP-ViT-B-32-laion2B-s34B-b79K") as string,
    });
    const planned = await planModel(spec);
    expect(planned.planned.parameters).toBe(151_277_313);
    expect(planned.obtain).toContain("hf download");
    await expect(planned.load()).rejects.toMatchObject({ code: "EG-4401" });
    await expect(planModel({ ...spec, model: { ...spec.model, arch: "ViT-B-16" } })).rejects.toThrow(/model.arch says ViT-B-16/);
  } finally {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  }
});
