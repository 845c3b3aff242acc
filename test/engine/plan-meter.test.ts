import { expect, test } from "vitest";
import { engineDifferences, engineFlops } from "../../src/budget/engine-form.ts";
import { full, type LearningSides, stepFlops } from "../../src/budget/step-flops.ts";
import { forwardFlops } from "../../src/budget/tower.ts";
import { memory } from "../../src/engine/memory.ts";
import { meter } from "../../src/engine/meter.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { pack } from "../../src/models/text-transformer.ts";
import { fullBatch, meterStep } from "../../src/pipeline/plan-meter.ts";
import { workOf } from "../../src/pipeline/plan-shape.ts";
import { createLearner, learn, type StepOptions } from "../../src/training/step.ts";
import { createRandom } from "../../src/util/random.ts";
import { methodsOf } from "../fixtures/training/adapted.ts";
import { type SmallKind, smallBatch, smallConfigs, smallModel, stepOptions } from "./small-models.ts";

const configOf = (kind: SmallKind) => parseModelConfig(smallConfigs[kind], "small");

/** FLOPs and peak of a second step on the processor, with all that lives. */
function realStep(kind: SmallKind, size: number, options: StepOptions): { flops: number; peakBytes: number } {
  const before = memory().live;
  return scope(() => {
    const learner = createLearner(smallModel(kind), options);
    const batch = smallBatch(kind, size);
    learn(learner, batch, { multiplier: 1, step: 0 });
    const { flops, peakBytes } = meter(() => learn(learner, batch, { multiplier: 1, step: 1 }));
    release([learner.moments, [...learner.compute.weights.values(), ...learner.compute.buffers.values()]]);
    return { flops, peakBytes: peakBytes - before };
  });
}

const settings: readonly (readonly [string, SmallKind, Partial<StepOptions>])[] = [
  ["full fine-tuning", "vit", {}],
  ["full fine-tuning in bf16", "vit", { precision: "bf16" }],
  ["a locked image tower", "vit", { group: (name) => (name.startsWith("visual.") ? undefined : { learningRate: 1, decay: 0 }) }],
  ["checkpointed activations", "vit", { checkpointing: true }],
  ["parts of eight", "vit", { microBatch: 8 }],
  ["a ResNet", "resnet", {}],
];
for (const [title, kind, more] of settings)
  test(`${title}: the planned step has the FLOPs of the real one, and its peak within 5 %`, async () => {
    const real = realStep(kind, 32, stepOptions(more));
    const { texts, textOf } = smallBatch(kind, 32);
    const planned = await meterStep(configOf(kind), stepOptions(more), { texts, textOf });
    expect(planned.flops).toBe(real.flops);
    expect(Math.abs(planned.peakBytes / real.peakBytes - 1), `${planned.peakBytes} planned, ${real.peakBytes} real`).toBeLessThan(0.05);
    expect(memory().metaLive).toBe(0);
  });

const sides: readonly (readonly [string, LearningSides])[] = [
  ["all", full],
  ["text alone", { image: { kind: "none" }, text: { kind: "all" } }],
  ["image alone", { image: { kind: "all" }, text: { kind: "none" } }],
];
const learnsUnder =
  ({ image, text }: LearningSides): StepOptions["group"] =>
  (name) =>
    (name.startsWith("visual.") ? image.kind : name === "logit_scale" ? "all" : text.kind) === "none"
      ? undefined
      : { learningRate: 1, decay: 0 };
for (const [title, learning] of sides)
  for (const [precision, attention] of [
    ["fp32", 2.5],
    ["bf16", 2],
  ] as const)
    test(`${title} in ${precision}: the engine's closed form is what the meter finds`, async () => {
      const config = configOf("vit");
      const batch = fullBatch(config, 16);
      const { flops } = await meterStep(config, stepOptions({ precision, group: learnsUnder(learning) }), batch);
      const texts = pack(batch.texts);
      const step = {
        batch: 16,
        texts: [{ rows: texts.rows, tokens: texts.ids.length, longest: texts.length }],
        attention,
        extraForwards: 0,
      };
      expect(flops).toBe(engineFlops(workOf(config), learning, step));
    });

const adapters = (["lora", "dora", "vera"] as const).flatMap((form) => [1, 4].map((rank) => [form, rank] as const));
test.each(adapters)("%s of rank %i: the engine's closed form with its reason is what the meter finds", async (form, rank) => {
  const config = configOf("vit");
  const batch = fullBatch(config, 16);
  const options = stepOptions();
  const methods = await methodsOf(form, { r: rank });
  const facts = {
    tasks: 2,
    precision: "fp32",
    objective: options.objective,
    batchSize: 16,
    clampsLogitScale: true,
    seed: 0,
    random: createRandom(0),
  } as const;
  const { flops } = await meterStep(config, options, batch, { methods, facts });
  const side = { kind: "adapter", form, rank } as const;
  const texts = pack(batch.texts);
  const step = {
    batch: 16,
    texts: [{ rows: texts.rows, tokens: texts.ids.length, longest: texts.length }],
    attention: 2.5,
    extraForwards: 0,
  };
  expect(flops).toBe(engineFlops(workOf(config), { image: side, text: side }, step));
  const [first] = engineDifferences(workOf(config), { image: side, text: side }, step);
  expect(first).toMatchObject({ reason: "adapters beside their layers, whose frozen weights have no gradient" });
});

test.each(sides)("%s in two parts, computed again: towers that do not learn are computed once", async (_, learning) => {
  const config = configOf("vit");
  const batch = fullBatch(config, 16);
  const options = stepOptions({ microBatch: 8, checkpointing: true, group: learnsUnder(learning) });
  const texts = pack(fullBatch(config, 8).texts);
  const part = { rows: texts.rows, tokens: texts.ids.length, longest: texts.length };
  const step = { batch: 16, texts: [part, part], attention: 2.5, extraForwards: 2 };
  const { flops, recomputed } = await meterStep(config, options, batch);
  const work = workOf(config);
  expect(flops).toBe(engineFlops(work, learning, step));
  expect(flops - recomputed).toBe(engineFlops(work, learning, { ...step, extraForwards: 0 }));
});

test("a ResNet's convolutions and pool are the closed form", async () => {
  const config = configOf("resnet");
  const work = workOf(config);
  const batch = fullBatch(config, 4);
  const { flops } = await meterStep(config, stepOptions(), batch);
  const texts = pack(batch.texts);
  const step = {
    batch: 4,
    texts: [{ rows: 4, tokens: texts.ids.length, longest: texts.length }],
    attention: 2.5,
    extraForwards: 0,
  };
  expect(flops / engineFlops(work, full, step)).toBeCloseTo(1, 2);
  expect(stepFlops(work, full, 4) / 4 / (forwardFlops(work.image) + forwardFlops(work.text))).toBeGreaterThan(2.5);
});
