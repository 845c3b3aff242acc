import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as convert from "../../src/cli/model-convert.ts";
import { release } from "../../src/engine/scope.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { initialiseModel } from "../../src/models/load.ts";
import { readHeader } from "../../src/models/safetensors.ts";
import { saveModel } from "../../src/models/save.ts";
import { createRandom } from "../../src/util/random.ts";
import { captured } from "../fixtures/cli/captured.ts";

const place = mkdtempSync(join(tmpdir(), "convert types "));
afterAll(() => rmSync(place, { recursive: true }));
const config = parseModelConfig(
  {
    embed_dim: 8,
    vision_cfg: { image_size: 16, layers: 1, width: 8, head_width: 8, patch_size: 8 },
    text_cfg: { context_length: 8, vocab_size: 40, width: 8, heads: 1, layers: 1 },
  },
  "test",
);

test("a model is converted in its own type unless another is asked for", async () => {
  const [half, kept, wide] = ["half", "kept", "wide"].map((name) => join(place, `${name}.safetensors`)) as [string, string, string];
  const { model, preprocess } = initialiseModel(config, createRandom(1));
  await saveModel(half, model, { preprocess, dtype: "bfloat16" });
  release(model);
  const typesOf = async (path: string) => [...new Set((await readHeader(path)).entries.map(({ dtype }) => dtype))];
  expect((await captured(convert, half, kept, "-q")).exit).toBe(0);
  expect((await captured(convert, half, wide, "--dtype", "float32", "-q")).exit).toBe(0);
  expect([await typesOf(kept), await typesOf(wide)]).toEqual([["BF16"], ["F32"]]);
  expect((await captured(convert, half, wide, "--dtype", "int8")).failure).toBe(
    "EG-2001 --dtype int8: expected float32, float16, bfloat16",
  );
});
