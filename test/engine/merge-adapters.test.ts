import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as merge from "../../src/cli/commands/merge.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { readFloats, tensor } from "../../src/engine/tensor.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { type Clip, computeWeights, embedImage, embedText } from "../../src/models/clip.ts";
import { loadModel } from "../../src/models/load.ts";
import { folderForm } from "../../src/models/model-export.ts";
import { clipPreprocess } from "../../src/models/preprocess.ts";
import { saveModel } from "../../src/models/save.ts";
import type { Naming } from "../../src/models/weight-names.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { filledModel, pixels } from "./filled-weights.ts";
import { readTensorsAt, tokenBatch, worstDifference } from "./vectors.ts";

// Adapters as PEFT saved them, merged as models (scripts/vectors/adapters.py made them and what PEFT computes with them).

const stored = fileURLToPath(new URL("../vectors/peft/", import.meta.url));
const cases = JSON.parse(readFileSync(`${stored}cases.json`, "utf8")) as {
  readonly config: unknown;
  readonly pixels: readonly [string, readonly number[]];
  readonly ids: readonly (readonly number[])[];
  readonly tolerance: { readonly feature: number };
};
const place = mkdtempSync(join(tmpdir(), "merge adapters "));
const at = (name: string): string => join(place, name);
afterAll(() => rmSync(place, { recursive: true }));
const evergreen = (...args: string[]) => captured(merge, ...args);
let expected: ReadonlyMap<string, Float32Array>;

const preprocess = { size: 32, ...clipPreprocess };
async function writeModel(name: string, naming: Naming, scale = 1): Promise<void> {
  const model = filledModel(cases.config);
  const scaled: Clip =
    scale === 1
      ? model
      : {
          ...model,
          weights: new Map(
            [...model.weights].map(([key, value]) => [
              key,
              tensor(
                readFloats(value).map((entry) => entry * scale),
                value.shape,
                "float32",
              ),
            ]),
          ),
        };
  const { weights, configs } = folderForm({ config: parseModelConfig(cases.config, "cases"), preprocess }, naming);
  mkdirSync(at(name));
  for (const [file, config] of Object.entries(configs)) writeFileSync(join(at(name), file), JSON.stringify(config));
  await saveModel(join(at(name), weights), scaled, { preprocess, naming });
  release([model, scaled]);
}

beforeAll(async () => {
  expected = await readTensorsAt(`${stored}cases.safetensors`);
  await writeModel("base", "openclip");
  await writeModel("base-hf", "transformers");
  await writeModel("half", "openclip", 0.5);
});

/** What PEFT computes with the adapters and the merged model without them. */
async function checkFeatures(path: string, name: string): Promise<void> {
  const { model } = await loadModel(path);
  scope(() => {
    const compute = computeWeights(model, "fp32");
    const image = readFloats(embedImage(compute, tensor(pixels(...cases.pixels), cases.pixels[1], "float32")));
    const text = readFloats(embedText(compute, tokenBatch(cases.ids)));
    expect(worstDifference(image, expected.get(`${name}/image`)).difference).toBeLessThan(cases.tolerance.feature);
    expect(worstDifference(text, expected.get(`${name}/text`)).difference).toBeLessThan(cases.tolerance.feature);
  });
  release(model);
}

test.each(["lora", "lora-all", "dora", "oft", "vera", "vera-sliced"])(
  "%s folded into its base computes what PEFT does, the base in either form",
  async (name) => {
    await evergreen(`${stored}${name}`, "--base", at("base"), "--out", at(`${name}.safetensors`));
    await checkFeatures(at(`${name}.safetensors`), name);
    const { exit } = await evergreen(`${stored}${name}?base=${at("base-hf")}`, "--as", "transformers", "--out", at(`${name}-hf`));
    expect(exit).toBe(0);
    expect(readdirSync(at(`${name}-hf`)).sort()).toEqual(["config.json", "merge.json", "model.safetensors", "preprocessor_config.json"]);
    await checkFeatures(at(`${name}-hf`), name);
  },
);

test("adapters are merged with models, entry by entry, and leave nothing behind", async () => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("evergreen-merge-")).length;
  writeFileSync(
    at("merge.yaml"),
    [
      "base_model: ./base",
      "models:",
      `  - {model: "${stored}lora", parameters: {weight: 0.25}}`,
      `  - {model: "${stored}lora-all?base=./half", parameters: {weight: 0.25}}`,
      "  - {model: ./base-hf, parameters: {weight: 0.5}}",
      "",
    ].join("\n"),
  );
  expect((await evergreen("-C", at("merge.yaml"), "--out", at("mixed.safetensors"))).exit).toBe(0);
  const [base, merged, lora, all] = await Promise.all(
    [
      join(at("base"), "open_clip_model.safetensors"),
      at("mixed.safetensors"),
      `${stored}lora/adapter_model.safetensors`,
      `${stored}lora-all/adapter_model.safetensors`,
    ].map(readTensorsAt),
  );
  const of = (tensors: ReadonlyMap<string, Float32Array> | undefined, name: string): Float32Array => tensors?.get(name) as Float32Array;
  /** s·B A [64, 64] of the second image block's queries. */
  const product = (tensors: ReadonlyMap<string, Float32Array> | undefined, r: number, scale: number): Float32Array => {
    const layer = "base_model.model.vision_model.encoder.layers.1.self_attn.q_proj";
    const [a, b] = [of(tensors, `${layer}.lora_A.weight`), of(tensors, `${layer}.lora_B.weight`)];
    return Float32Array.from({ length: 64 * 64 }, (_, at_) => {
      const [row, column] = [Math.floor(at_ / 64), at_ % 64];
      let sum = 0;
      for (let k = 0; k < r; k++) sum += (b[row * r + k] as number) * (a[k * 64 + column] as number);
      return scale * sum;
    });
  };
  const [one, two] = [product(lora, 3, 6 / 3), product(all, 2, 3 / Math.sqrt(2))];
  const name = "visual.transformer.resblocks.1.attn.in_proj_weight";
  const weight = of(base, name);
  const wanted = one.map((value, i) => (0.25 + 0.25 * 0.5 + 0.5) * (weight[i] as number) + 0.25 * value + 0.25 * (two[i] as number));
  expect(worstDifference(of(merged, name).subarray(0, 64 * 64), wanted).difference).toBeLessThan(1e-6);
  // No adapter stands beside the class embedding.
  const plain = of(base, "visual.class_embedding");
  expect(
    worstDifference(
      of(merged, "visual.class_embedding"),
      plain.map((value) => 0.875 * value),
    ).difference,
  ).toBeLessThan(1e-6);
  expect(readdirSync(tmpdir()).filter((entry) => entry.startsWith("evergreen-merge-"))).toHaveLength(before);
});

test("what transformers' names hold is what OpenCLIP's do, and task vectors of adapters are merged from their base", async () => {
  const ties = ["--base", at("base"), "--method", "ties", "--set", "remove=0.5"] as const;
  const models = [`${stored}lora`, `${stored}dora`] as const;
  await evergreen(...models, ...ties, "--out", at("ties"));
  await evergreen(...models, ...ties, "--as", "transformers", "--out", at("ties-hf.safetensors"));
  const [ours, theirs] = await Promise.all([at("ties"), at("ties-hf.safetensors")].map((path) => loadModel(path)));
  for (const [name, value] of ours?.model.weights ?? [])
    expect([name, readFloats(theirs?.model.weights.get(name) as typeof value)]).toEqual([name, readFloats(value)]);
  release([ours?.model, theirs?.model]);
});

test("adapters without a base, and a base of what are none, are refused before anything is written", async () => {
  expect((await evergreen(`${stored}lora`, "--out", at("no"))).failure).toMatch(/^EG-4142 .*adapters say what was learned/);
  expect((await evergreen(`${at("half")}?base=${at("base")}`, "--out", at("no"))).failure).toMatch(/^EG-4142 .*holds no adapters/);
  const { out } = await evergreen(`${stored}lora`, "--base", at("base"), "--dry-run", "--json");
  expect(JSON.parse(out)).toMatchObject({ passes: 1, models: [`${stored}lora`] });
  expect(existsSync(at("no"))).toBe(false);
});

test("adapters that cannot be read are refused before anything is written, a result that is there or not", async () => {
  const broken = (name: string, change: (folder: string) => void): string => {
    cpSync(`${stored}lora`, at(name), { recursive: true });
    change(at(name));
    return at(name);
  };
  const empty = broken("null", (folder) => writeFileSync(join(folder, "adapter_config.json"), "null"));
  const list = broken("list", (folder) => writeFileSync(join(folder, "adapter_config.json"), "[]"));
  const bare = broken("bare", (folder) => rmSync(join(folder, "adapter_model.safetensors")));
  writeFileSync(at("there.safetensors"), "as it was");
  for (const out of ["there.safetensors", "none.safetensors"]) {
    const failure = async (folder: string) => (await evergreen(folder, "--base", at("base"), "--out", at(out))).failure;
    for (const folder of [empty, list]) expect(await failure(folder)).toMatch(/^EG-4140 .*adapter_config.json: expected a JSON object$/);
    expect(await failure(bare)).toMatch(/^EG-4401 .*adapter_model.safetensors: there is no such file/);
  }
  expect(readFileSync(at("there.safetensors"), "utf8")).toBe("as it was");
  expect(existsSync(at("none.safetensors"))).toBe(false);
});
