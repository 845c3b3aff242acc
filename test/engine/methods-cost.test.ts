import { afterAll, expect, test } from "vitest";
import { compose, type Methods } from "../../src/continual/compose.ts";
import type { RowInfo, RowRole } from "../../src/continual/method.ts";
import { embedImagesUnder, embedUnder } from "../../src/continual/teacher.ts";
import { meter } from "../../src/engine/meter.ts";
import { zeros } from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { computeWeights } from "../../src/models/clip.ts";
import { adapterName } from "../../src/nn/adapter.ts";
import { fullBatch, type MeteredStep, meterStep } from "../../src/pipeline/plan-meter.ts";
import { createRandom } from "../../src/util/random.ts";
import { methodsOf, shapesOf } from "../fixtures/training/adapted.ts";
import { tinyOptions } from "../fixtures/training/tiny.ts";

// What a method that looks back costs a step beside the step itself, metered on shapes of a ViT-B/32.

const batchSize = 16;
const model = shapesOf("ViT-B-32");
const { config } = model;
afterAll(() => release(model));

const facts = {
  tasks: 2,
  precision: "fp32",
  objective: tinyOptions.objective,
  batchSize,
  clampsLogitScale: true,
  seed: 0,
  random: createRandom(0),
} as const;
const batch = (rows: number) => ({ ...fullBatch(config, rows), pixels: zeros([rows, 3, 224, 224], "float32", "meta") });

/** What a step of the second task costs, whose rows have these roles. */
async function plannedUnder(methods: Methods, roles: readonly RowRole[]): Promise<MeteredStep> {
  const rows = roles.map((role, i): RowInfo => {
    const mark = { by: "er", slot: i, uses: ["replay"] };
    return { id: `set/${i}`, role, caption: `${i}`, ...(role === "reservoir" ? { mark } : {}) };
  });
  return meterStep(config, tinyOptions, fullBatch(config, roles.length), { methods, facts, rows });
}

/** Its FLOPs. */
const stepUnder = async (methods: Methods, roles: readonly RowRole[]): Promise<number> => (await plannedUnder(methods, roles)).flops;

const forward = (work: () => unknown): number => scope(() => meter(() => void work()).flops);
const mixture: readonly RowRole[] = Array.from({ length: batchSize }, (_, i) => (i < 12 ? "update" : "pretraining"));

test.each(["lwf", "feature-distillation"])("%s adds one forward of the batch through the teacher", async (name) => {
  const more = (await stepUnder(await methodsOf(name), mixture)) - (await stepUnder(compose([]), mixture));
  const once = forward(() => embedUnder(computeWeights(model, "fp32"), batch(batchSize)));
  expect(more / once).toBeGreaterThan(0.9999);
  expect(more / once).toBeLessThan(1.001);
});

test("zscl adds one forward of the reference images through the first image tower", async () => {
  const more = (await stepUnder(await methodsOf("zscl"), mixture)) - (await stepUnder(compose([]), mixture));
  const once = forward(() => embedImagesUnder(computeWeights(model, "fp32"), batch(4).pixels));
  expect(Math.abs(more / once - 1)).toBeLessThan(0.001);
});

test("er costs what a batch does that is longer by the draw", async () => {
  const replayed = await stepUnder(await methodsOf("er"), [...mixture, ...Array<RowRole>(8).fill("reservoir")]);
  const longer = await stepUnder(compose([]), Array<RowRole>(batchSize + 8).fill("update"));
  expect(Math.abs(replayed / longer - 1)).toBeLessThan(0.001);
});

test("an adapter that is made and never used adds no FLOPs, and is named; a method of the catalogue has none", async () => {
  const name = adapterName("visual.transformer.resblocks.0.attn.out_proj.weight", "lora_A");
  const adapt = () => ({ weights: new Map([[name, zeros([4, 768], "float32", "meta")]]), sites: new Map() });
  const [idle, plain] = [
    await plannedUnder(compose([{ name: "idle", method: { adapt } }]), mixture),
    await plannedUnder(compose([]), mixture),
  ];
  expect([idle.flops, idle.unreached]).toEqual([plain.flops, [name]]);
  for (const used of ["lora", "dora", "vera", "oft", "lora-per-task", "lnfit", "bitfit"])
    expect((await plannedUnder(await methodsOf(used), mixture)).unreached, used).toEqual([]);
});

test.each([
  ["checkpoint-averaging", { k: 4 }, 4],
  ["temporal-merging", { weight: 0.9 }, 1],
  ["temporal-merging", { start: "zs", deploy: "all" }, 1],
  ["temporal-merging", { start: "latest", deploy: "anchored", weight: 0.9 }, 0],
] as const)("%s with %o keeps %i models beside the one in training", async (name, options, kept) => {
  const [more, plain] = [await plannedUnder(await methodsOf(name, options), mixture), await plannedUnder(compose([]), mixture)];
  const whole = [...model.weights.values()].reduce((sum, { size }) => sum + 4 * size, 0);
  expect(more.stateBytes).toBe(kept * whole);
  expect(more.peakBytes - plain.peakBytes).toBeGreaterThanOrEqual(kept * whole);
  expect(more.peakBytes - plain.peakBytes).toBeLessThan((kept + 1) * whole);
});
