import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ArchitectureError, architecture, architectureNames, type ClipConfig, parseModelConfig } from "./architecture.ts";
import { convertedTensors } from "./convert-weights.ts";
import { architectureNameOf, parseTransformersConfig, toModelConfig, toTransformersConfig } from "./model-config.ts";
import { folderForm } from "./model-export.ts";
import { modelMetadata, openModelFolder } from "./model-folder.ts";
import { stateTensors } from "./parameters.ts";
import {
  clipPreprocess,
  type ImagePreprocess,
  parsePreprocess,
  parseTransformersPreprocess,
  toPreprocessCfg,
  toPreprocessorConfig,
} from "./preprocess.ts";
import { type TensorSource, writeSafetensors, writeShards } from "./safetensors-write.ts";
import { exportRecipes, type Naming } from "./weight-names.ts";
import { WeightNamesError } from "./weight-names-error.ts";
import { WeightsFileError } from "./weights-file-error.ts";

const root = mkdtempSync(join(tmpdir(), "evergreen-folders-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const fresh = (): string => {
  const path = join(root, String(folders++));
  mkdirSync(path);
  return path;
};

const tinyCfg = {
  embed_dim: 8,
  vision_cfg: { image_size: 16, layers: 1, width: 8, head_width: 4, patch_size: 8 },
  text_cfg: { context_length: 5, vocab_size: 9, width: 8, heads: 2, layers: 1 },
};
const tiny = parseModelConfig(tinyCfg, "tiny");
const preprocess: ImagePreprocess = {
  size: 16,
  ...clipPreprocess,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.25, 0.5],
  interpolation: "bilinear",
  resizeMode: "squash",
};

function tensorsOf(config: ClipConfig, dtype: "F32" | "F16" = "F16"): TensorSource[] {
  return stateTensors(config).map(({ name, shape }, i) => {
    const bytes = shape.reduce((product, side) => product * side, dtype === "F32" ? 4 : 2);
    return { name, shape, dtype, data: Uint8Array.from({ length: bytes }, (_, j) => (i * 31 + j * 7) % 251) };
  });
}
async function exported(naming: Naming): Promise<string> {
  const source = join(fresh(), "source.safetensors");
  await writeSafetensors(source, tensorsOf(tiny), modelMetadata({ config: tiny, preprocess }));
  const model = await openModelFolder(source);
  const folder = fresh();
  const form = folderForm(model, naming);
  for (const [name, value] of Object.entries(form.configs)) writeFileSync(join(folder, name), JSON.stringify(value));
  await writeSafetensors(join(folder, form.weights), convertedTensors([...model.entries.values()], exportRecipes(tiny, naming)), {
    format: "pt",
  });
  return folder;
}

test.each(["openclip", "transformers"] as const)(
  "a folder written in %s form is read back: config, preprocessing, weights",
  async (naming) => {
    const model = await openModelFolder(await exported(naming));
    expect(model).toMatchObject({ config: tiny, preprocess, naming, architecture: undefined, tokenIds: undefined });
    const path = join(fresh(), "back.safetensors");
    await writeSafetensors(path, convertedTensors([...model.entries.values()], model.recipes));
    const before = join(fresh(), "before.safetensors");
    await writeSafetensors(before, tensorsOf(tiny));
    expect(readFileSync(path).equals(readFileSync(before))).toBe(true);
  },
);

test("a file describes itself by its metadata, and a contrary architecture is refused", async () => {
  const config = { ...tiny, quickGelu: true, initLogitBias: -10 };
  const path = join(fresh(), "any-name.safetensors");
  const tokenIds = [0, 3, 5, 6, 7, 8, 20, 49406, 49407];
  await writeSafetensors(path, tensorsOf(config), modelMetadata({ config, preprocess, tokenIds }));
  expect(await openModelFolder(path)).toMatchObject({ config, preprocess, naming: "openclip", tokenIds, files: [path] });
  await expect(openModelFolder(path, { arch: "ViT-B-32" })).rejects.toThrow(/an architecture of its own, not ViT-B-32/);
  const told = join(fresh(), "told.safetensors");
  await writeSafetensors(told, tensorsOf(config), { arch: "nope" });
  await expect(openModelFolder(told)).rejects.toThrow(`${told}: metadata arch: unknown architecture "nope"`);
  const empty = join(fresh(), "empty.safetensors");
  await writeSafetensors(empty, []);
  await expect(openModelFolder(empty)).rejects.toThrow(`${empty}: it holds no tensors of a model`);
});

test("a folder with model.safetensors alone, and one of shards, open like a file", async () => {
  const folder = fresh();
  await writeShards(folder, tensorsOf(tiny), { shardBytes: 600, metadata: modelMetadata({ config: tiny, preprocess }) });
  const model = await openModelFolder(folder);
  expect(model.files.length).toBeGreaterThan(2);
  expect(model.recipes.map((recipe) => recipe.target)).toEqual(stateTensors(tiny).map((tensor) => tensor.name));
});

/** A sparse file with the header of a whole model, so that large presets cost nothing. */
async function silent(name: string): Promise<string> {
  const path = join(fresh(), "weights.safetensors");
  let end = 0;
  const entries = stateTensors(architecture(name)).map((tensor) => {
    const begin = end;
    const counter = tensor.name.endsWith("num_batches_tracked");
    end += tensor.shape.reduce((product, side) => product * side, counter ? 8 : 2);
    return [tensor.name, { dtype: counter ? "I64" : "F16", shape: tensor.shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, "w");
  await file.write(Buffer.concat([prefix, header]));
  await file.truncate(8 + header.length + end);
  await file.close();
  return path;
}

test("the architecture of a silent file follows from its shapes; the activation has to be said", async () => {
  expect((await openModelFolder(await silent("ViT-M-16"))).architecture).toBe("ViT-M-16");
  const path = await silent("ViT-B-32");
  await expect(openModelFolder(path)).rejects.toMatchObject({
    message: expect.stringContaining("ViT-B-32 or ViT-B-32-quickgelu"),
    fix: expect.stringMatching(/--arch ViT-B-32 .*--arch ViT-B-32-quickgelu/),
  });
  expect((await openModelFolder(path, { arch: "ViT-B-32-quickgelu" })).config.quickGelu).toBe(true);
  await expect(openModelFolder(path, { arch: "ViT-B-16" })).rejects.toBeInstanceOf(WeightNamesError);
  const resnet = await silent("RN50");
  expect((await openModelFolder(resnet, { arch: "RN50-quickgelu" })).architecture).toBe("RN50-quickgelu");
  const other = join(fresh(), "other.safetensors");
  await writeSafetensors(other, tensorsOf(tiny));
  await expect(openModelFolder(other)).rejects.toThrow(/its shapes are none of the known ones/);
});

test("integers where weights should be are refused", async () => {
  const path = join(fresh(), "x.safetensors");
  const tensors = tensorsOf(tiny, "F32").map((tensor) => (tensor.name === "visual.proj" ? { ...tensor, dtype: "I32" as const } : tensor));
  await writeSafetensors(path, tensors, modelMetadata({ config: tiny, preprocess }));
  await expect(openModelFolder(path)).rejects.toMatchObject({ problem: "dtype", tensor: "visual.proj" });
});

test("folders without usable weights are refused with what was looked for", async () => {
  const empty = fresh();
  await expect(openModelFolder(empty)).rejects.toThrow(/expected one of open_clip_model.safetensors/);
  writeFileSync(join(empty, "pytorch_model.bin"), "PK\x03\x04....");
  await expect(openModelFolder(empty)).rejects.toMatchObject({ problem: "foreign", fix: expect.stringContaining("save_file") });
  await expect(openModelFolder(join(root, "nowhere"))).rejects.toBeInstanceOf(WeightsFileError);
  const folder = await exported("openclip");
  for (const text of ["{", "[]", "{}", '{"model_cfg":{"embed_dim":8,"vision_cfg":{"timm_model_name":"convnext_base"},"text_cfg":{}}}']) {
    writeFileSync(join(folder, "open_clip_config.json"), text);
    await expect(openModelFolder(folder)).rejects.toBeInstanceOf(ArchitectureError);
  }
});

test("token ids must be ascending and one a row", async () => {
  for (const ids of ["[1]", "[0,1,2,3,4,5,6,8,7]", "[0,1,2,3,4,5,6,7,7]", '{"a":1}', "x"]) {
    const path = join(fresh(), "x.safetensors");
    await writeSafetensors(path, tensorsOf(tiny), { ...modelMetadata({ config: tiny, preprocess }), token_ids: ids });
    await expect(openModelFolder(path)).rejects.toThrow(/token_ids/);
  }
});

test("every preset survives the way to JSON and back, and to transformers' and back where there is one", () => {
  for (const name of architectureNames()) {
    const config = architecture(name);
    expect(parseModelConfig(JSON.parse(JSON.stringify(toModelConfig(config))), name)).toEqual(config);
    expect(architectureNameOf(config)).toBe(name);
    if (config.vision.kind === "vit" && config.vision.convStem.length === 0)
      expect(parseTransformersConfig(JSON.parse(JSON.stringify(toTransformersConfig(config))), name)).toEqual(config);
    else expect(() => toTransformersConfig(config)).toThrow(ArchitectureError);
  }
});

test("transformers' defaults, its legacy end token and its limits", () => {
  // openai/clip-vit-base-patch32 leaves nearly everything out.
  const base = parseTransformersConfig(
    { model_type: "clip", projection_dim: 512, text_config: { eos_token_id: 2 }, vision_config: {} },
    "x",
  );
  expect(base).toEqual(architecture("ViT-B-32-quickgelu"));
  expect(() => parseTransformersConfig({ model_type: "siglip" }, "x")).toThrow(/model_type/);
  expect(() => parseTransformersConfig({ model_type: "clip", text_config: { hidden_act: "gelu" } }, "x")).toThrow(/hidden_act/);
  expect(() => parseTransformersConfig({ model_type: "clip", text_config: { eos_token_id: 7 } }, "x")).toThrow(/eos_token_id is 7/);
  expect(() => parseTransformersConfig({ model_type: "clip", vision_config: { layer_norm_eps: 1e-6 } }, "x")).toThrow(/layer_norm_eps/);
});

test("preprocessing survives both forms, and what is not said is CLIP's", () => {
  expect(parsePreprocess(toPreprocessCfg(preprocess), 16, "x")).toEqual(preprocess);
  expect(parseTransformersPreprocess(toPreprocessorConfig(preprocess), 16, "x")).toEqual(preprocess);
  const standard = { size: 224, ...clipPreprocess };
  expect(parsePreprocess(undefined, 224, "x")).toEqual(standard);
  expect(parseTransformersPreprocess(undefined, 224, "x")).toEqual(standard);
  expect(parseTransformersPreprocess({ size: 224, resample: 3, crop_size: 224 }, 224, "x")).toEqual(standard);
  expect(() => parsePreprocess({ size: 336 }, 224, "x")).toThrow(/336 pixels for a model of 224/);
  expect(() => parsePreprocess({ resize_mode: "stretch", std: [0, 1, 1] }, 224, "x")).toThrow(/std.*resize_mode|resize_mode.*std/s);
  expect(() => toPreprocessorConfig({ ...standard, resizeMode: "longest" })).toThrow(ArchitectureError);
});
