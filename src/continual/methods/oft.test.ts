import { afterEach, expect, test } from "vitest";
import {
  changeAtStart,
  disturb,
  foldErrors,
  folded,
  methodsOf,
  movedByTenSteps,
  shapesOf,
  trainedCount,
  withAdapters,
  worstOf,
} from "../../../test/fixtures/training/adapted.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { release, scope } from "../../engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../engine/tensor.ts";

const all = ["q", "k", "v", "out", "fc", "proj"];
const site = "visual.transformer.resblocks.1.attn.out_proj.weight";
const released: unknown[] = [];
afterEach(() => release(released.splice(0)));

/** R [32, 32] of a site with disturbed parameters: what the identity becomes. */
async function rotation(options: object, spread: number): Promise<Float32Array> {
  const model = withAdapters(tinyModel(), await methodsOf("oft", { targetModules: ["out"], ...options }));
  released.push(model);
  disturb(model, /oft_R/, spread);
  return scope(() => {
    const identity = tensor(
      Float32Array.from({ length: 1024 }, (_, i) => (i % 33 === 0 ? 1 : 0)),
      [32, 32],
      "float32",
    );
    const adapter = model.adapters?.sites.get(site);
    return readFloats(
      adapter?.fold({ weight: identity, own: (name) => model.adapters?.weights.get(`adapter.${site}.${name}`) as Tensor }) as Tensor,
    );
  });
}
const at = (matrix: Float32Array, row: number, column: number): number => matrix[row * 32 + column] ?? Number.NaN;
const distance = (matrix: Float32Array): number => Math.hypot(...matrix.map((x, i) => x - (i % 33 === 0 ? 1 : 0)));

test("fresh adapters change nothing", async () => {
  expect(await changeAtStart("oft", { targetModules: all })).toBeLessThan(1e-6);
});

test.each([[all], [["q", "k", "v", "proj"]], [["k", "v"]]])(
  "folded, adapters of %j give what they gave beside the weights",
  async (targetModules) => {
    const { error, change } = await foldErrors("oft", { targetModules, block: 16 }, /oft_R/);
    expect(error).toBeLessThan(1e-6);
    expect(change).toBeGreaterThan(1e-3);
  },
);

test.each([[32], [8], [2]])("RᵀR is I, in blocks of %i", async (block) => {
  const r = await rotation({ block }, 0.4);
  let worst = 0;
  for (let i = 0; i < 32; i++)
    for (let j = 0; j < 32; j++) {
      const product = Array.from({ length: 32 }).reduce((sum: number, _, k) => sum + at(r, k, i) * at(r, k, j), 0);
      worst = Math.max(worst, Math.abs(product - (i === j ? 1 : 0)));
      if (Math.floor(i / block) !== Math.floor(j / block)) expect(at(r, i, j)).toBe(0);
    }
  expect(worst).toBeLessThan(1e-6);
  expect(distance(r)).toBeGreaterThan(1);
});

// Q = [[0, t], [−t, 0]] gives (I + Q)(I − Q)⁻¹ = 1/(1 + t²) · [[1 − t², 2t], [−2t, 1 − t²]]: with t = ½, [[.6, .8], [−.8, .6]].
test("a block of two is the rotation that the Cayley map gives by hand", async () => {
  const model = withAdapters(tinyModel(), await methodsOf("oft", { block: 2, targetModules: ["out"] }));
  released.push(model);
  const got = scope(() => {
    const own = tensor(
      Float32Array.from({ length: 16 }, (_, i) => (i === 0 ? 0.5 : 0)),
      [16, 1],
      "float32",
    );
    const weight = tensor(
      Float32Array.from({ length: 1024 }, (_, i) => (i === 0 ? 1 : i === 33 ? 1 : 0)),
      [32, 32],
      "float32",
    );
    return readFloats(model.adapters?.sites.get(site)?.fold({ weight, own: () => own }) as Tensor);
  });
  expect(worstOf([got[0] ?? 0, got[1] ?? 0, got[32] ?? 0, got[33] ?? 0], [0.6, 0.8, -0.8, 0.6])).toBeLessThan(1e-6);
});

test("angles between the rows of a weight stay", async () => {
  const model = withAdapters(tinyModel(), await methodsOf("oft", { block: 16, targetModules: ["out"] }));
  disturb(model, /oft_R/, 0.3);
  const merged = folded(model);
  released.push(merged, model);
  const [before, after] = [model, merged].map(({ weights }) => readFloats(weights.get(site) as Tensor)) as [Float32Array, Float32Array];
  const inner = (of: Float32Array): number[] =>
    Array.from({ length: 1024 }, (_, pair) => {
      const [i, j] = [Math.floor(pair / 32), pair % 32];
      return Array.from({ length: 32 }).reduce((sum: number, _, k) => sum + at(of, i, k) * at(of, j, k), 0);
    });
  const angles = (products: number[]): number[] =>
    products.map((product, pair) => product / Math.sqrt((products[Math.floor(pair / 32) * 33] ?? 0) * (products[(pair % 32) * 33] ?? 0)));
  expect(worstOf(angles(inner(after)), angles(inner(before)))).toBeLessThan(1e-6);
  expect(worstOf(after, before)).toBeGreaterThan(0.05);
});

test("a bound holds ‖R − I‖, and far inside of it changes nothing", async () => {
  const [free, held, wide] = await Promise.all([rotation({}, 0.4), rotation({ bound: 0.5 }, 0.4), rotation({ bound: 1000 }, 0.4)]);
  expect(distance(free)).toBeGreaterThan(0.5);
  expect(distance(held)).toBeLessThanOrEqual(0.5);
  expect(distance(held)).toBeGreaterThan(0.2);
  expect(worstOf(wide, free)).toBe(0);
});

test.each([[{}], [{ bound: 0.01 }]])("ten steps move every adapter's parameter and nothing else (%j)", async (options) => {
  const { moved, adapters } = await movedByTenSteps("oft", options);
  expect(moved).toEqual(adapters);
});

test("trains (K/b)·b(b − 1)/2 for every part; a block that does not divide is told", async () => {
  const perTower = (width: number): number => 12 * ((3 * width + 4 * width) / 32) * ((32 * 31) / 2);
  expect(await trainedCount("ViT-B-16", "oft")).toBe(perTower(768) + perTower(512));
  const methods = await methodsOf("oft", { block: 48 });
  expect(() => scope(() => withAdapters(shapesOf("ViT-B-16"), methods))).toThrowError(expect.objectContaining({ code: "EG-3107" }));
});
