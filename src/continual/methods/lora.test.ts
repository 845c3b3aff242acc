import { afterEach, expect, test } from "vitest";
import { smallModel } from "../../../test/engine/small-models.ts";
import {
  afterOneStep,
  disturb,
  featuresOf,
  folded,
  methodsOf,
  movedByTenSteps,
  ratesUnder,
  shapesOf,
  trainedCount,
  withAdapters,
  worstOf,
} from "../../../test/fixtures/training/adapted.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { memory } from "../../engine/memory.ts";
import { release, scope } from "../../engine/scope.ts";
import { readFloats, type Tensor } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";

const all = ["q", "k", "v", "out", "fc", "proj"];
const own = (model: Clip, name: string): Float32Array => readFloats(model.adapters?.weights.get(`adapter.${name}`) as Tensor);
const block = "visual.transformer.resblocks.1";
const released: unknown[] = [];
const tiny = async (options: object = {}): Promise<Clip> => {
  const model = withAdapters(tinyModel(), await methodsOf("lora", options));
  released.push(model);
  return model;
};
afterEach(() => release(released.splice(0)));

test("fresh adapters change nothing", async () => {
  const model = await tiny({ targetModules: all });
  const { adapters: _, ...base } = model;
  expect(worstOf(featuresOf(model), featuresOf(base))).toBeLessThan(1e-6);
});

test.each([["peft"], ["published"]])("A fills ±bound of %s evenly, B is zero", async (init) => {
  const model = await tiny({ init, r: 8 });
  const entries = own(model, `${block}.mlp.c_proj.weight.proj.lora_A`);
  const bound = init === "peft" ? 1 / Math.sqrt(128) : Math.sqrt(6 / (9 * 128));
  const most = entries.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  expect(most).toBeLessThanOrEqual(bound);
  expect(most).toBeGreaterThan(0.97 * bound);
  // A uniform variable's second moment is bound²/3; 1024 draws hold it to 10 % (three standard errors are 8.4 %).
  const second = entries.reduce((sum, x) => sum + x * x, 0) / entries.length;
  expect(second / (bound ** 2 / 3)).toBeGreaterThan(0.9);
  expect(second / (bound ** 2 / 3)).toBeLessThan(1.1);
  expect(own(model, `${block}.mlp.c_proj.weight.proj.lora_B`).every((x) => x === 0)).toBe(true);
});

test("parts, sites, tasks and seeds draw apart; the same place draws the same", async () => {
  const methods = await methodsOf("lora");
  const base = tinyModel();
  const made = [{}, {}, { task: 1 }, { seed: 4 }].map((at) => withAdapters(base, methods, at));
  released.push(base, ...made.map(({ adapters }) => adapters));
  const [first, again, ...others] = made.map((model) => own(model, `${block}.attn.in_proj_weight.q.lora_A`));
  expect(again).toEqual(first);
  const keys = own(made[0] as Clip, `${block}.attn.in_proj_weight.k.lora_A`);
  const before = own(made[0] as Clip, "visual.transformer.resblocks.0.attn.in_proj_weight.q.lora_A");
  for (const other of [...others, keys, before]) expect(other).not.toEqual(first);
});

// W + s·B A by hand, in float64, for the rows of k: scale 12/√4 = 6 of rsLoRA, 12/4 = 3 of LoRA.
test.each([
  [false, 3],
  [true, 6],
])("with rslora %s a folded weight is W + %f · B A", async (rslora, scale) => {
  const model = await tiny({ r: 4, loraAlpha: 12, rslora, targetModules: ["k"] });
  disturb(model, /lora_B/);
  const site = `${block}.attn.in_proj_weight`;
  const [a, b] = [own(model, `${site}.k.lora_A`), own(model, `${site}.k.lora_B`)];
  const weight = readFloats(model.weights.get(site) as Tensor);
  const merged = folded(model);
  released.push([...merged.weights.values()].filter((each) => ![...model.weights.values()].includes(each)));
  const got = readFloats(merged.weights.get(site) as Tensor);
  const expected = Array.from(weight, (value, at) => {
    const [row, column] = [Math.floor(at / 32), at % 32];
    if (row < 32 || row >= 64) return value;
    return (
      value +
      scale * Array.from({ length: 4 }).reduce((sum: number, _, i) => sum + (b[(row - 32) * 4 + i] ?? 0) * (a[i * 32 + column] ?? 0), 0)
    );
  });
  expect(worstOf(got, expected)).toBeLessThan(1e-6);
  expect(got.slice(0, 1024)).toEqual(weight.slice(0, 1024));
});

test.each([[all], [["q", "k", "v", "proj"]], [["k", "v"]], [["v"]], [["q", "v", "fc"]], [["out"]]])(
  "folded, adapters of %j give what they gave beside the weights",
  async (targetModules) => {
    const model = await tiny({ targetModules, r: 3, loraAlpha: 5 });
    disturb(model, /lora_B/, 0.05);
    const { adapters: _, ...base } = model;
    const merged = folded(model);
    released.push([...merged.weights.values()].filter((each) => ![...model.weights.values()].includes(each)));
    expect(worstOf(featuresOf(model), featuresOf(merged))).toBeLessThan(1e-6);
    expect(worstOf(featuresOf(model), featuresOf(base))).toBeGreaterThan(1e-3);
  },
);

test("ten steps move adapters alone, the model's bits stay", async () => {
  const { moved, adapters } = await movedByTenSteps("lora");
  expect(moved).toEqual(adapters);
});

test("logit_scale learns when asked", async () => {
  const { moved } = await movedByTenSteps("lora", { tuneLogitScale: true, blocks: { image: [1], text: [] } });
  expect(moved.filter((name) => !name.startsWith("adapter.visual.transformer.resblocks.1."))).toEqual(["logit_scale"]);
});

test("LoRA+ moves B at a multiple of A's rate", async () => {
  const rates = [...(await ratesUnder("lora", { loraPlus: 16 }))].map(([name, rate]) => `${name.split(".").at(-1)} ${rate}`);
  expect(new Set(rates)).toEqual(new Set(["lora_A 0.001", "lora_B 0.016"]));
});

test.each([
  ["in micro-batches", { microBatch: 3 }],
  ["with activations computed again", { checkpointing: true }],
])("gradients are the same %s", async (_, cut) => {
  const [whole, parts] = await Promise.all(
    [{}, cut].map((more) => afterOneStep("lora", { targetModules: all }, { ...more, clipNorm: 0, disturbed: /lora_B/ })),
  );
  // Adam's first step has the gradient's sign alone: entries whose gradient is round-off may differ by two rates.
  const far = [...(whole?.ends ?? [])].flatMap(([name, entries]) =>
    Array.from(entries, (x, i) => Math.abs(x - (parts?.ends.get(name)?.[i] ?? Number.NaN))),
  );
  expect(far.length).toBeGreaterThan(1000);
  expect(far.filter((x) => !(x < 1e-5)).length / far.length).toBeLessThan(2e-3);
});

// r·(K + N) of each of q, k, v and c_proj; the preset `full` adds out_proj and c_fc.
test.each([
  ["ViT-B-16", 4, 675_840],
  ["ViT-B-16", 64, 10_813_440],
  ["ViT-B-32", 4, 675_840],
])("methods.g2: on %s rank %i trains %i parameters", async (arch, r, expected) => {
  expect(await trainedCount(arch, "lora", { r })).toBe(expected);
});

test("all six modules train r·(K + N) for every linear layer of both towers", async () => {
  const perBlock = (width: number): number => 4 * (width + width) + (width + 4 * width) + (4 * width + width);
  const expected = 4 * 12 * (perBlock(768) + perBlock(512));
  expect(await trainedCount("ViT-B-16", "lora", { r: 4, targetModules: all })).toBe(expected);
});

test("blocks choose; a block that is not there is told", async () => {
  expect(await trainedCount("ViT-B-16", "lora", { r: 1, targetModules: ["q"], blocks: { image: [0, 11], text: [] } })).toBe(2 * 2 * 768);
  await expect(trainedCount("ViT-B-16", "lora", { blocks: { image: [12], text: "all" } })).rejects.toMatchObject({
    code: "EG-3107",
    exit: "config",
  });
});

test("a ResNet's adapters stand in its text tower, and where that is left out nothing is left", async () => {
  const methods = await methodsOf("lora");
  scope(() => {
    const model = withAdapters(smallModel("resnet"), methods);
    expect(new Set([...(model.adapters?.sites.keys() ?? [])].map((name) => name.split(".")[0]))).toEqual(new Set(["transformer"]));
    release(model.adapters);
  });
  const none = await methodsOf("lora", { blocks: { text: [] } });
  expect(() => scope(() => withAdapters(shapesOf("RN50"), none))).toThrowError(
    expect.objectContaining({ code: "EG-3107", message: expect.stringContaining("it is a ResNet") }),
  );
});

test("what steps make is freed", async () => {
  const before = memory().tensors;
  await movedByTenSteps("lora", { targetModules: all });
  expect(memory().tensors).toBe(before);
});
