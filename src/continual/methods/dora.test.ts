import { afterEach, expect, test } from "vitest";
import {
  afterOneStep,
  changeAtStart,
  disturb,
  foldErrors,
  folded,
  methodsOf,
  movedByTenSteps,
  trainedCount,
  withAdapters,
  worstOf,
} from "../../../test/fixtures/training/adapted.ts";
import { tinyBatch, tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { grad, requireGrad } from "../../engine/grad.ts";
import { mul, sum } from "../../engine/ops.ts";
import { release, scope } from "../../engine/scope.ts";
import { item, readFloats, type Tensor, tensor } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";
import { computeWeights, embedImage } from "../../models/clip.ts";

const all = ["q", "k", "v", "out", "fc", "proj"];
const released: unknown[] = [];
afterEach(() => release(released.splice(0)));
const site = "visual.transformer.resblocks.1.mlp.c_proj.weight";
const rowLengths = (entries: Float32Array, columns: number): number[] =>
  Array.from({ length: entries.length / columns }, (_, row) => Math.hypot(...entries.slice(row * columns, (row + 1) * columns)));

test.each([["peft"], ["published"]])("fresh adapters change nothing (%s)", async (init) => {
  expect(await changeAtStart("dora", { init, targetModules: all })).toBeLessThan(1e-6);
});

test.each([[all], [["q", "k", "v", "proj"]], [["k", "v"]]])(
  "folded, adapters of %j give what they gave beside the weights",
  async (targetModules) => {
    const { error, change } = await foldErrors("dora", { targetModules, r: 3, loraAlpha: 5 }, /lora_B|magnitude/);
    expect(error).toBeLessThan(1e-6);
    expect(change).toBeGreaterThan(1e-3);
  },
);

test("a folded row has the length that was learned", async () => {
  const model = withAdapters(tinyModel(), await methodsOf("dora"));
  disturb(model, /lora_B|magnitude/);
  const learned = readFloats(model.adapters?.weights.get(`adapter.${site}.proj.lora_magnitude_vector`) as Tensor);
  const merged = folded(model);
  const lengths = rowLengths(readFloats(merged.weights.get(site) as Tensor), 128);
  expect(worstOf(lengths, learned.map(Math.abs))).toBeLessThan(1e-5);
  released.push(merged, model);
});

test("folded into a task's weights, the next task's lengths are those of the folded rows", async () => {
  const methods = await methodsOf("dora");
  const first = withAdapters(tinyModel(), methods);
  disturb(first, /lora_B|magnitude/);
  const second = withAdapters(folded(first), methods, { task: 1 });
  const lengths = readFloats(second.adapters?.weights.get(`adapter.${site}.proj.lora_magnitude_vector`) as Tensor);
  expect(worstOf(lengths, rowLengths(readFloats(second.weights.get(site) as Tensor), 128))).toBeLessThan(1e-5);
  disturb(second, /lora_B|magnitude/);
  const last = folded(second);
  const moved = readFloats(second.adapters?.weights.get(`adapter.${site}.proj.lora_magnitude_vector`) as Tensor);
  expect(worstOf(rowLengths(readFloats(last.weights.get(site) as Tensor), 128), moved.map(Math.abs))).toBeLessThan(1e-5);
  released.push(last, second, first);
});

test("resumed beside unfolded weights, lengths are the base's again before they are read back", async () => {
  const methods = await methodsOf("dora");
  const base = tinyModel();
  const [one, two] = [withAdapters(base, methods), withAdapters(base, methods, { task: 1 })] as const;
  const lengths = (model: Clip) => readFloats(model.adapters?.weights.get(`adapter.${site}.proj.lora_magnitude_vector`) as Tensor);
  expect(lengths(two)).toEqual(lengths(one));
  released.push(base, one.adapters, two.adapters);
});

// One row w = (3, 4), x = (1, 2), A = 1 × 2 (1, 0), B = 0.5, s = 1, m = 10: V = (3.5, 4), ‖V‖ = √28.25, z = 11.5.
// With the norm held: ∂y/∂m = z/‖V‖ = 2.163658, ∂y/∂B = (m/‖V‖)·A·x = 1.881443. Through the norm it would be 1.881443 − m·z·3.5/28.25^1.5 = −0.799165.
test("the norm is held constant in the backward pass", async () => {
  const model = withAdapters(tinyModel(), await methodsOf("dora", { r: 1, targetModules: ["out"], blocks: { image: [0], text: [] } }));
  const [adapter] = model.adapters?.sites.values() ?? [];
  const got = scope(() => {
    // The site has 32 × 32 entries: the hand-worked one is its first row and two columns, the rest are rows of length 1 that x does not meet.
    const filled = (shape: readonly number[], at: Readonly<Record<number, number>>): Tensor =>
      tensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at[i] ?? 0),
        shape,
        "float32",
      );
    const units = Object.fromEntries(Array.from({ length: 31 }, (_, i) => [(i + 1) * 32 + 5, 1]));
    const own: Readonly<Record<string, Tensor>> = {
      "out.lora_A": filled([1, 32], { 0: 1 }),
      "out.lora_B": filled([32, 1], { 0: 0.5 }),
      "out.lora_magnitude_vector": filled([32], { 0: 10 }),
    };
    const leaves = Object.values(own);
    requireGrad(leaves);
    const y = adapter?.apply(filled([1, 32], { 0: 1, 1: 2 }), {
      weight: filled([32, 32], { ...units, 0: 3, 1: 4 }),
      own: (name) => own[name] as Tensor,
    }) as Tensor;
    const first = sum(mul(y, filled([1, 32], { 0: 1 })));
    const [a, b, m] = grad([first], leaves).map((each) => readFloats(each as Tensor)[0]);
    return { y: item(first), a, b, m };
  });
  released.push(model);
  expect(got.y).toBeCloseTo((10 * 11.5) / Math.sqrt(28.25), 5);
  expect(got.m).toBeCloseTo(2.163658, 5);
  expect(got.b).toBeCloseTo(1.881443, 5);
  expect(got.a).toBeCloseTo(0.5 * 1.881443, 5);
});

test("ten steps move every adapter's parameter and nothing else", async () => {
  const { moved, adapters } = await movedByTenSteps("dora");
  expect(moved).toEqual(adapters);
});

test("in bf16 fresh adapters change nothing but where the bias is rounded, and a step is taken", async () => {
  const methods = await methodsOf("dora");
  const model = withAdapters(tinyModel(), methods);
  const { adapters: _, ...base } = model;
  const [beside, without] = [model, base].map((each) =>
    scope(() => readFloats(embedImage(computeWeights(each, "bf16"), tinyBatch().pixels))),
  );
  // The bias is added after the product is rounded, where the layer alone adds it before.
  expect(worstOf(beside as Float32Array, without as Float32Array)).toBeLessThan(4e-3);
  const { applied } = await afterOneStep("dora", {}, { precision: "bf16" });
  expect(applied).toBe(true);
  released.push(model);
});

test("trained parameters are LoRA's and one for each output row", async () => {
  expect(await trainedCount("ViT-B-16", "dora", { r: 4 })).toBe(675_840 + 4 * 12 * (768 + 512));
});
