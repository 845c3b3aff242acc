import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "../util/hash.ts";
import { ArchitectureError, architecture, architectureNames, blockCounts, parseModelConfig } from "./architecture.ts";
import { buffers, parameterCounts, parameters, stateTensors } from "./parameters.ts";

interface Vectors {
  readonly models: Record<string, { tensors: number; sha256: string; vision: number; text: number; total: number }>;
  /** Mean, root mean square and largest magnitude of each fresh parameter. */
  readonly fresh: Record<string, Record<string, readonly [number, number, number]>>;
}
// Written by scripts/vectors/architectures.py from OpenCLIP 3.3.0.
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../test/vectors/architectures.json", import.meta.url), "utf8"));

const tiny = {
  embed_dim: 16,
  vision_cfg: { image_size: 32, layers: 2, width: 64, patch_size: 8 },
  text_cfg: { context_length: 24, vocab_size: 100, width: 64, heads: 1, layers: 2 },
};

test.each([
  ["ViT-S-16", 21_813_504, 40_444_032, 62_257_537],
  ["ViT-B-32", 87_849_216, 63_428_096, 151_277_313],
  ["ViT-B-16", 86_192_640, 63_428_096, 149_620_737],
  ["ViT-L-14", 303_966_208, 123_650_304, 427_616_513],
  ["ViT-H-14", 632_076_800, 354_032_640, 986_109_441],
  ["ViT-g-14", 1_012_645_632, 354_032_640, 1_366_678_273],
  ["ViT-bigG-14", 1_844_907_264, 694_659_840, 2_539_567_105],
])("%s has the published parameter count (backbones.g1-g7)", (name, vision, text, total) => {
  expect(parameterCounts(architecture(name))).toEqual({ vision, text, total });
});

test("every preset has OpenCLIP's tensors: names, shapes and order of its state_dict", () => {
  const ours = architectureNames().filter((name) => !Object.hasOwn(vectors.models, name));
  expect(ours.filter((name) => name !== "mini-flux")).toEqual([]);
  for (const name of Object.keys(vectors.models)) {
    const tensors = stateTensors(architecture(name));
    const lines = tensors.map((tensor) => `${tensor.name}[${tensor.shape.join(",")}]`);
    expect({ name, tensors: tensors.length, sha256: sha256(lines.join("\n")), ...parameterCounts(architecture(name)) }).toEqual({
      name,
      ...vectors.models[name],
    });
  }
});

test.each(Object.keys(vectors.fresh))("fresh %s is filled as OpenCLIP fills it", (name) => {
  const rows = vectors.fresh[name] ?? {};
  const list = parameters(architecture(name));
  expect(list.map((parameter) => parameter.name).sort()).toEqual(Object.keys(rows).sort());
  const wrong = list.filter(({ name, shape, init }) => {
    const [mean, rms, largest] = rows[name] as readonly [number, number, number];
    const count = shape.reduce((product, side) => product * side, 1);
    // The relative error of a root mean square over n values is about 1/√(2n); six of those, and the four digits stored.
    const near = (value: number, expected: number): boolean => Math.abs(value / expected - 1) < 6 / Math.sqrt(2 * count) + 1e-3;
    if (init.kind === "constant") return Math.abs(mean - init.value) > 1e-3 || Math.abs(largest - Math.abs(init.value)) > 1e-3;
    if (init.kind === "normal") return !near(rms, init.std);
    return !near(rms, init.bound / Math.sqrt(3)) || largest > init.bound * 1.001 || largest < init.bound * (0.999 - 20 / count);
  });
  expect(wrong).toEqual([]);
});

test("block lists come from the architecture", () => {
  const counts = ["ViT-B-16", "ViT-L-14", "ViT-H-14", "ViT-g-14", "ViT-bigG-14", "RN50"].map((name) => blockCounts(architecture(name)));
  expect(counts.map(({ vision, text }) => `${vision}/${text}`)).toEqual(["12/12", "24/12", "32/24", "40/24", "48/32", "16/12"]);
});

test("ResNet buffers are three per BatchNorm and no parameters", () => {
  const config = architecture("RN50");
  // 3 in the stem, 3 in each of 16 bottlenecks, 4 on the shortcuts.
  expect(buffers(config).length).toBe(3 * (3 + 48 + 4));
  expect(buffers(architecture("ViT-B-32"))).toEqual([]);
  expect(parameters(config).length + buffers(config).length).toBe(stateTensors(config).length);
});

test("a convolution stem shrinks the patch kernel and keeps the number of tokens", () => {
  const plain = parameters(parseModelConfig(tiny, "tiny"));
  const stemmed = parameters(parseModelConfig({ ...tiny, vision_cfg: { ...tiny.vision_cfg, conv_stem: [12, 20] } }, "tiny"));
  const shapes = Object.fromEntries(stemmed.map(({ name, shape }) => [name, shape]));
  expect(shapes["visual.stem.0.weight"]).toEqual([12, 3, 3, 3]);
  expect(shapes["visual.stem.1.weight"]).toEqual([20, 12, 3, 3]);
  expect(shapes["visual.stem.1.bias"]).toEqual([20]);
  expect(shapes["visual.conv1.weight"]).toEqual([64, 20, 2, 2]);
  expect(shapes["visual.positional_embedding"]).toEqual([17, 64]);
  expect(stemmed.length).toBe(plain.length + 4);
});

test("a logit bias is a parameter when the config has one, and belongs to no tower", () => {
  const plain = parseModelConfig(tiny, "tiny");
  const biased = parseModelConfig({ ...tiny, init_logit_bias: -10 }, "tiny");
  expect(parameters(plain).some(({ name }) => name === "logit_bias")).toBe(false);
  expect(parameters(biased).find(({ name }) => name === "logit_bias")).toMatchObject({ shape: [], init: { value: -10 } });
  expect(parameterCounts(biased)).toEqual({ ...parameterCounts(plain), total: parameterCounts(plain).total + 1 });
});

test("keys that our towers cannot honour are refused together, by name", () => {
  const bad = {
    ...tiny,
    vision_cfg: { ...tiny.vision_cfg, pool_type: "avg", no_ln_pre: true },
    text_cfg: { ...tiny.text_cfg, hf_model_name: "roberta-base" },
  };
  expect(() => parseModelConfig(bad, "folder/open_clip_config.json")).toThrow(
    /folder.*vision_cfg.*no_ln_pre.*vision_cfg\.pool_type.*text_cfg\.hf_model_name/s,
  );
  expect(() => parseModelConfig({ ...tiny, depth: 3 }, "x")).toThrow(/Unrecognized key: "depth"/);
  expect(() => parseModelConfig({ ...tiny, vision_cfg: { ...tiny.vision_cfg, width: 100, head_width: 64 * 3 } }, "x")).toThrow(
    /head_width 192/,
  );
  expect(() => parseModelConfig({ ...tiny, vision_cfg: { ...tiny.vision_cfg, image_size: [32, 48] } }, "x")).toThrow(ArchitectureError);
  expect(() => parseModelConfig(null, "x")).toThrow(ArchitectureError);
});

test("neutral values of OpenCLIP's other keys change nothing", () => {
  const verbose = {
    ...tiny,
    custom_text: true,
    vision_cfg: { ...tiny.vision_cfg, image_size: [32, 32], pool_type: "tok", ls_init_value: null, no_ln_pre: false },
    text_cfg: { ...tiny.text_cfg, hf_model_name: null, pool_type: "argmax", no_causal_mask: false },
  };
  expect(parseModelConfig(verbose, "x")).toEqual(parseModelConfig(tiny, "x"));
});

test("an unknown architecture is refused with the nearest name", () => {
  expect(() => architecture("ViT-B32")).toThrow(expect.objectContaining({ code: "EG-3401", fix: 'did you mean "ViT-B-32"?' }));
  expect(() => architecture("../../package")).toThrow(ArchitectureError);
});
