import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { architecture, type ClipConfig, parseModelConfig } from "./architecture.ts";
import { applyRecipe, type RawTensor } from "./convert-weights.ts";
import { parseTransformersConfig } from "./model-config.ts";
import { stateTensors } from "./parameters.ts";
import {
  bareNames,
  checkNames,
  expectedTensors,
  exportRecipes,
  importRecipes,
  type NamedShape,
  namingOf,
  planImport,
  type Recipe,
} from "./weight-names.ts";
import { WeightNamesError } from "./weight-names-error.ts";

const tiny = parseModelConfig(
  {
    embed_dim: 5,
    vision_cfg: { image_size: 16, layers: 2, width: 6, head_width: 3, patch_size: 8, mlp_ratio: 2 },
    text_cfg: { context_length: 7, vocab_size: 11, width: 4, heads: 2, layers: 1, mlp_ratio: 3 },
  },
  "tiny",
);

function randomModel(config: ClipConfig, seed: number): Map<string, RawTensor> {
  const model = new Map<string, RawTensor>();
  let next = seed;
  for (const { name, shape } of stateTensors(config)) {
    const values = Float32Array.from({ length: shape.reduce((product, side) => product * side, 1) }, () => {
      next = (Math.imul(next, 1664525) + 1013904223) | 0;
      return next / 2 ** 31;
    });
    model.set(name, { dtype: "F32", shape, bytes: new Uint8Array(values.buffer) });
  }
  return model;
}
function convert(model: ReadonlyMap<string, RawTensor>, recipes: readonly Recipe[]): Map<string, RawTensor> {
  return new Map(
    recipes.map((recipe) => [
      recipe.target,
      applyRecipe(
        recipe,
        recipe.sources.flatMap((name) => model.get(name) ?? []),
      ),
    ]),
  );
}
const named = (model: ReadonlyMap<string, RawTensor>): NamedShape[] => [...model].map(([name, { shape }]) => ({ name, shape }));

test("OpenCLIP → transformers → OpenCLIP is bitwise equal", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const model = randomModel(tiny, seed);
      const back = convert(convert(model, exportRecipes(tiny, "transformers")), importRecipes(tiny, "transformers"));
      expect([...back.keys()]).toEqual([...model.keys()]);
      for (const [name, tensor] of model) {
        expect(back.get(name)?.shape).toEqual(tensor.shape);
        expect(Buffer.from(back.get(name)?.bytes ?? []).equals(tensor.bytes)).toBe(true);
      }
    }),
    { numRuns: 20 },
  );
});

test("queries, keys and values are the first, second and third rows of the fused projection; projections are transposed", () => {
  const model = randomModel(tiny, 1);
  const exported = convert(model, exportRecipes(tiny, "transformers"));
  const floats = (tensor: RawTensor | undefined): number[] => [...new Float32Array(Uint8Array.from(tensor?.bytes ?? []).buffer)];
  const fused = floats(model.get("visual.transformer.resblocks.1.attn.in_proj_weight"));
  for (const [i, part] of ["q", "k", "v"].entries())
    expect(floats(exported.get(`vision_model.encoder.layers.1.self_attn.${part}_proj.weight`))).toEqual(fused.slice(i * 36, (i + 1) * 36));
  const projection = floats(model.get("text_projection")); // [4, 5]
  const transposed = floats(exported.get("text_projection.weight")); // [5, 4]
  expect(transposed[2 * 4 + 3]).toBe(projection[3 * 5 + 2]);
  expect(exported.get("text_projection.weight")?.shape).toEqual([5, 4]);
});

test("transformers' own CLIPModel has exactly the names and shapes of its config", () => {
  // Written by scripts/vectors/architectures.py.
  const { transformers } = JSON.parse(readFileSync(new URL("../../test/vectors/architectures.json", import.meta.url), "utf8"));
  const config = parseTransformersConfig(transformers.config, "vector");
  expect(config.quickGelu).toBe(false);
  expect(config.vision).toMatchObject({ heads: 2, mlpWidth: 320 });
  const found = Object.entries<number[]>(transformers.tensors).map(([name, shape]) => ({ name, shape }));
  expect(checkNames(found, expectedTensors(config, "transformers"))).toBeUndefined();
  expect(found.length).toBe(expectedTensors(config, "transformers").length);
});

test.each(["module.", "state_dict.", "model.", "module._orig_mod."])("the prefix %s of a wrapper is stripped", (prefix) => {
  const model = randomModel(tiny, 2);
  const wrapped = [...model].map(([name, { shape }]) => ({ name: prefix + name, shape }));
  const { recipes, naming } = planImport("file", wrapped, tiny);
  expect(naming).toBe("openclip");
  expect(recipes.map(({ target, sources }) => [target, ...sources])).toEqual([...model.keys()].map((name) => [name, prefix + name]));
});

test("a text module's prefix, leftovers and a scale of shape [1] are understood in any order of tensors", () => {
  const spelt = named(randomModel(tiny, 3)).map(({ name, shape }) => ({
    name: name.startsWith("visual.") || name === "logit_scale" ? name : `text.${name}`,
    shape: name === "logit_scale" ? [1] : shape,
  }));
  const extras = ["input_resolution", "context_length", "vocab_size"].map((name) => ({ name, shape: [] }));
  const found = [...spelt, ...extras, { name: "text.attn_mask", shape: [7, 7] }].reverse();
  const { recipes } = planImport("file", found, tiny);
  expect(recipes.map((recipe) => recipe.target)).toEqual(stateTensors(tiny).map(({ name }) => name));
  expect(recipes.find((recipe) => recipe.target === "logit_scale")).toMatchObject({ op: "squeeze", sources: ["logit_scale"] });
  expect(recipes.find((recipe) => recipe.target === "token_embedding.weight")?.sources).toEqual(["text.token_embedding.weight"]);
  expect(() => bareNames([...spelt, { name: "ln_final.weight", shape: [4] }])).toThrow(
    /"text.ln_final.weight" and "ln_final.weight" are both "ln_final.weight"/,
  );
});

test("position_ids of older transformers files are dropped", () => {
  const found = [...expectedTensors(tiny, "transformers"), { name: "text_model.embeddings.position_ids", shape: [1, 7] }];
  expect(planImport("file", found, tiny).naming).toBe("transformers");
});

test("missing, extra and misshaped tensors are listed, ten of each, and nothing is loaded", () => {
  const model = named(randomModel(tiny, 4));
  const changed = model
    .filter(({ name }) => !name.includes("resblocks.1."))
    .map(({ name, shape }) => ({ name, shape: name === "visual.proj" ? [6, 9] : shape }));
  const found = [...changed, ...Array.from({ length: 3 }, (_, i) => ({ name: `visual.spare.${i}`, shape: [1] }))];
  let message = "";
  try {
    planImport("my.safetensors", found, tiny);
  } catch (error) {
    expect(error).toBeInstanceOf(WeightNamesError);
    message = (error as Error).message;
  }
  expect(message).toContain("my.safetensors: 12 missing: visual.transformer.resblocks.1.ln_1.weight; ");
  expect(message).toContain("mlp.c_fc.bias; …");
  expect(message).not.toContain("resblocks.1.mlp.c_proj");
  expect(message).toContain("3 extra: visual.spare.0; visual.spare.1; visual.spare.2\n");
  expect(message).toContain("1 misshaped: visual.proj [6, 9], expected [6, 5]");
});

test("names of other models are refused", () => {
  expect(() => namingOf(["visual.trunk.stem.0.weight", "visual.head.proj.weight"])).toThrow(/timm/);
  expect(() => namingOf(["bert.pooler.weight"])).toThrow(WeightNamesError);
  expect(() => namingOf([])).toThrow(WeightNamesError);
});

test("what CLIPModel has no place for is refused by name", () => {
  expect(() => exportRecipes(architecture("RN50"), "transformers")).toThrow(/visual.bn1.weight/);
  expect(() => expectedTensors({ ...tiny, initLogitBias: -10 }, "transformers")).toThrow(/logit_bias/);
  expect(exportRecipes(architecture("RN50"), "openclip").length).toBe(stateTensors(architecture("RN50")).length);
});

test("sources of different types are not put together", () => {
  const recipe: Recipe = { target: "x", shape: [2], op: "concat-rows", sources: ["a", "b"] };
  const half: RawTensor = { dtype: "F16", shape: [1], bytes: new Uint8Array(2) };
  expect(() => applyRecipe(recipe, [half, { ...half, dtype: "BF16" }])).toThrow(/"x" are F16 and BF16/);
});

test("names from files are shown short and quoted, with the file's", () => {
  const [long, acting] = ["x".repeat(5_000_000), "\u001b[31mred\n"];
  const message = checkNames(
    [
      { name: long, shape: [] },
      { name: acting, shape: [] },
    ],
    [],
  );
  expect(message).toBe(`2 extra: "${"x".repeat(77)}..."; "\\u001b[31mred\\n"`);
  expect(() => namingOf([long, acting], "a.safetensors")).toThrow(
    `a.safetensors: its 2 tensors are no CLIP model's: "${"x".repeat(77)}...", "\\u001b[31mred\\n"`,
  );
  expect(() => namingOf([], "a.safetensors")).toThrow("a.safetensors: it holds no tensors of a model");
});
