import { afterAll, describe, expect, test } from "vitest";
import { type PlainWeights, plainImage, plainText, plainWeights } from "../../test/fixtures/models/plain-towers.ts";
import { tinyBatch, tinyConfig, tinyModel } from "../../test/fixtures/training/tiny.ts";
import { grad, requireGrad } from "../engine/grad.ts";
import { mul, normalize, sum, to } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../engine/tensor.ts";
import { isMatrix } from "../nn/matrices.ts";
import { recompute, run, runAndKeep, type Tower } from "../nn/tower.ts";
import { createRandom } from "../util/random.ts";
import { parseModelConfig } from "./architecture.ts";
import { type Clip, type ComputeWeights, computeWeights, imageTower, textTower } from "./clip.ts";
import { grownModel } from "./load.ts";
import { toModelConfig } from "./model-config.ts";
import { parameterCounts, parameters } from "./parameters.ts";
import { isPrompt, noPrompts, type Prompts, withPrompts } from "./prompts.ts";

const made: Clip[] = [];
afterAll(() => release(made));
function prompted(prompts: Prompts, seed = 7): Clip {
  const model = grownModel(tinyModel(), withPrompts(tinyConfig, prompts), createRandom(seed));
  made.push(model);
  return model;
}
const towers = {
  image: (of: ComputeWeights) => imageTower(of, tinyBatch().pixels),
  text: (of: ComputeWeights) => textTower(of, tinyBatch().texts),
};
type Side = keyof typeof towers;
const sides: readonly Side[] = ["image", "text"];
const nameOf = { image: "visual.prompt_embedding", text: "prompt_embedding" } as const;
const features = (model: Clip, side: Side, precision: "fp32" | "bf16" = "fp32"): readonly number[] =>
  scope(() => Array.from(readFloats(run(towers[side](computeWeights(model, precision))))));

/** All features of {@link tinyBatch} by the formulas. */
function plain(weights: PlainWeights, { config }: Clip, side: Side): readonly number[] {
  return scope(() => {
    const { pixels, texts } = tinyBatch();
    const all = readFloats(pixels);
    if (side === "image")
      return Array.from({ length: 8 }, (_, i) => plainImage(weights, all.subarray(i * 768, (i + 1) * 768), config)).flat();
    const rows = Array.from({ length: texts.rows }, (_, i) => Array.from(texts.ids.subarray(i * texts.length, (i + 1) * texts.length)));
    return rows.flatMap((ids) => plainText(weights, ids, config));
  });
}
const furthest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), a.length === b.length ? 0 : Number.NaN);

test.each([
  [0, 0],
  [1, 0],
  [3, 2],
  [2, 5],
])("with %i image and %i text prompts features are those of the formulas in float64", (image, text) => {
  const model = prompted({ image, text });
  for (const side of sides) expect(furthest(features(model, side), plain(plainWeights(model), model, side)), side).toBeLessThan(2e-6);
});

test("no prompts are the plain architecture, and each tower's prompts leave the other as it was, bit for bit", () => {
  const none = prompted(noPrompts);
  expect(withPrompts(withPrompts(tinyConfig, { image: 3, text: 2 }), noPrompts)).toEqual(tinyConfig);
  expect(features(prompted({ image: 2, text: 0 }), "text")).toEqual(features(none, "text"));
  expect(features(prompted({ image: 0, text: 2 }), "image")).toEqual(features(none, "image"));
  for (const side of sides) expect(furthest(features(prompted({ image: 2, text: 2 }), side), features(none, side))).toBeGreaterThan(1e-3);
});

/** Σ c · features over a fixed c. */
const weighting = (count: number): Float32Array => {
  const draws = createRandom(8).at("validation");
  return Float32Array.from({ length: count }, () => draws.normal());
};

/** Gradient of that sum by the tower's prompts: whole, or with each stage computed again. */
function gradientOf(model: Clip, side: Side, way: "whole" | "again"): readonly number[] {
  return scope(() => {
    const compute = computeWeights(model, "fp32");
    const leaf = compute.weights.get(nameOf[side]) as Tensor;
    requireGrad([leaf]);
    const tower: Tower = towers[side](compute);
    const output = run(tower);
    const c = tensor(weighting(output.size), output.shape, "float32");
    let found: Tensor | undefined;
    if (way === "whole") [found] = grad([sum(mul(output, c))], [leaf]);
    else recompute(tower, runAndKeep(tower).inputs, c, { leaves: [leaf], add: ([own]) => (found = own ?? found) });
    const entries = Array.from(readFloats(found as Tensor));
    requireGrad([leaf], false);
    return entries;
  });
}

describe.each(sides)("gradients of %s prompts", (side) => {
  const model = (): Clip => prompted({ image: 2, text: 2 });

  test("are the formulas' central differences", () => {
    const own = model();
    const weights = plainWeights(own);
    const entries = weights.get(nameOf[side]) as Float64Array;
    const c = weighting(8 * 16);
    const value = (): number => plain(weights, own, side).reduce((total, feature, i) => total + feature * (c[i] ?? 0), 0);
    const h = 1e-5;
    const some = Array.from(entries.keys()).filter((i) => i % 7 === 0);
    const expected = some.map((i) => {
      const entry = entries[i] ?? Number.NaN;
      const [above, below] = [entry + h, entry - h].map((at) => {
        entries[i] = at;
        return value();
      }) as [number, number];
      entries[i] = entry;
      return (above - below) / (2 * h);
    });
    const most = Math.max(...expected.map(Math.abs));
    expect(most).toBeGreaterThan(0.1);
    const found = gradientOf(own, side, "whole");
    expect(
      furthest(
        some.map((i) => found[i] ?? Number.NaN),
        expected,
      ) / most,
    ).toBeLessThan(1e-5);
  });

  test("are the same where stages are computed again", () => {
    const own = model();
    const whole = gradientOf(own, side, "whole");
    expect(furthest(gradientOf(own, side, "again"), whole) / Math.max(...whole.map(Math.abs))).toBeLessThan(1e-6);
  });
});

test("in bf16 prompts stay float32, and features turn by no more than a plain model's do", () => {
  const turned = (model: Clip, side: Side): number => {
    const unit = (of: readonly number[]): Tensor => normalize(tensor(Float32Array.from(of), [of.length / 16, 16], "float32"));
    return scope(() => Math.max(...furthestRows(unit(features(model, side, "bf16")), unit(features(model, side)))));
  };
  const model = prompted({ image: 3, text: 3 });
  scope(() => {
    const compute = computeWeights(model, "bf16");
    for (const side of sides) expect(compute.weights.get(nameOf[side])?.dtype).toBe("float32");
  });
  for (const side of sides) expect(turned(model, side), side).toBeLessThan(Math.max(2e-3, 3 * turned(prompted(noPrompts), side)));
});

/** 1 − cosine of each row. */
function furthestRows(a: Tensor, b: Tensor): readonly number[] {
  const [x, y] = [readFloats(to(a, "float32")), readFloats(to(b, "float32"))];
  return Array.from({ length: x.length / 16 }, (_, row) => {
    let cosine = 0;
    for (let i = row * 16; i < (row + 1) * 16; i++) cosine += (x[i] ?? 0) * (y[i] ?? 0);
    return 1 - cosine;
  });
}

test("prompts come last among the parameters, are counted with their tower, and start at a deviation of 0.02", () => {
  const config = withPrompts(tinyConfig, { image: 400, text: 300 });
  expect(
    parameters(config)
      .map(({ name }) => name)
      .slice(-2),
  ).toEqual(["visual.prompt_embedding", "prompt_embedding"]);
  const [own, before] = [parameterCounts(config), parameterCounts(tinyConfig)];
  expect([own.vision - before.vision, own.text - before.text]).toEqual([400 * 32, 300 * 32]);
  const model = prompted({ image: 400, text: 300 });
  for (const side of sides) {
    const entries = readFloats(model.weights.get(nameOf[side]) as Tensor);
    const deviation = Math.sqrt(entries.reduce((total, value) => total + value ** 2, 0) / entries.length);
    expect(deviation).toBeCloseTo(0.02, 3);
  }
});

test("prompts are tables to optimizers of matrices", () => {
  for (const side of sides) expect([isPrompt(nameOf[side]), isMatrix(nameOf[side], [32, 32])]).toEqual([true, false]);
  expect(isPrompt("visual.class_embedding")).toBe(false);
});

test("drawn prompts follow from the seed and their tower alone, and every other tensor is the model's own", () => {
  const model = tinyModel();
  const grown = grownModel(model, withPrompts(tinyConfig, { image: 2, text: 3 }), createRandom(7));
  made.push(grown);
  for (const [name, weight] of model.weights) expect(grown.weights.get(name)).toBe(weight);
  const entries = (of: Clip, side: Side): readonly number[] => Array.from(readFloats(of.weights.get(nameOf[side]) as Tensor));
  expect(entries(prompted({ image: 0, text: 3 }), "text")).toEqual(entries(grown, "text"));
  expect(entries(prompted({ image: 2, text: 3 }, 8), "text")).not.toEqual(entries(grown, "text"));
  expect(entries(grown, "image")).not.toEqual(entries(grown, "text").slice(0, 64));
});

test("a config with prompts is read back from its JSON, and a ResNet takes text prompts alone", () => {
  const config = withPrompts(tinyConfig, { image: 4, text: 2 });
  expect(parseModelConfig(JSON.parse(JSON.stringify(toModelConfig(config))), "own")).toEqual(config);
  const resnet = parseModelConfig(
    { embed_dim: 16, vision_cfg: { image_size: 32, layers: [1, 1, 1, 1], width: 4, head_width: 16 }, text_cfg: {} },
    "resnet",
  );
  expect(withPrompts(resnet, { image: 0, text: 2 }).text.prompts).toBe(2);
  expect(() => withPrompts(resnet, { image: 1, text: 0 })).toThrowError(
    expect.objectContaining({ code: "EG-3401", message: expect.stringContaining("is a ResNet"), fix: expect.stringContaining("image: 0") }),
  );
  const told = { ...toModelConfig(resnet), vision_cfg: { image_size: 32, layers: [1, 1, 1, 1], width: 4, prompts: 2 } };
  expect(() => parseModelConfig(told, "told")).toThrowError(/a ResNet has none/);
});
