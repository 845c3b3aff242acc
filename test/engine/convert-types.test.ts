import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as convert from "../../src/cli/model-convert.ts";
import { release } from "../../src/engine/scope.ts";
import { tensor } from "../../src/engine/tensor.ts";
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

test("an entry beyond the range of a type ends the conversion, one that was infinite before does not", async () => {
  const { model, preprocess } = initialiseModel(config, createRandom(1));
  const save = async (name: string, entry: number): Promise<string> => {
    const bias = tensor([entry, ...Array<number>(7).fill(0)], [8], "float32");
    const path = join(place, name);
    await saveModel(path, { ...model, weights: new Map([...model.weights, ["ln_final.bias", bias]]) }, { preprocess });
    release(bias);
    return path;
  };
  const [large, infinite] = [await save("large.safetensors", 70_000), await save("inf.safetensors", Number.POSITIVE_INFINITY)];
  release(model);
  const out = join(place, "narrow");
  const { failure } = await captured(convert, large, out, "--dtype", "float16");
  expect(failure).toMatch(/^EG-7150 "ln_final.bias" has entries that float16 cannot hold/);
  expect(readdirSync(out)).toEqual([]);
  expect((await captured(convert, large, out, "--dtype", "bfloat16", "-q")).exit).toBe(0);
  expect((await captured(convert, infinite, join(place, "kept-inf.safetensors"), "--dtype", "float16", "-q")).exit).toBe(0);
});
