import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as convert from "../../src/cli/model-convert.ts";
import { release } from "../../src/engine/scope.ts";
import { initialiseModel } from "../../src/models/load.ts";
import { readHeader } from "../../src/models/safetensors.ts";
import { saveModel } from "../../src/models/save.ts";
import { createRandom } from "../../src/util/random.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { tinyConfig } from "./tiny-config.ts";

const place = mkdtempSync(join(tmpdir(), "convert types "));
afterAll(() => rmSync(place, { recursive: true }));
const config = tinyConfig(1);

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
