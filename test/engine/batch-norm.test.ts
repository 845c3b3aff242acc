import { expect, test } from "vitest";
import type { Methods } from "../../src/continual/compose.ts";
import { exp } from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { item, read, readFloats, type Tensor, type Weights } from "../../src/engine/tensor.ts";
import { computeWeights, embedImage, embedText } from "../../src/models/clip.ts";
import clip from "../../src/nn/objectives/clip.ts";
import { createLearner, learn, type StepOptions } from "../../src/training/step.ts";
import { methodsOf } from "../fixtures/training/adapted.ts";
import { smallBatch, smallModel, stepOptions } from "./small-models.ts";

const valuesOf = (weights: Weights): readonly number[] =>
  [...weights.values()].filter(({ dtype }) => dtype === "float32").flatMap((each) => [...readFloats(each)]);

/** Weights and running statistics after two steps. */
function trained(
  more: Partial<StepOptions>,
  methods?: Methods,
): { readonly weights: readonly number[]; readonly statistics: readonly number[]; readonly losses: readonly number[] } {
  return scope(() => {
    const model = smallModel("resnet");
    const learner = createLearner(model, stepOptions(more), methods ? { methods } : {});
    const losses = [0, 1].map((step) => learn(learner, smallBatch("resnet"), { multiplier: 1, step }).loss);
    const result = { weights: valuesOf(model.weights), statistics: valuesOf(model.buffers), losses };
    release(learner.moments);
    return result;
  });
}

test("activations computed again change neither what a ResNet learns nor how far its running statistics move", () => {
  const [plain, again] = [trained({ checkpointing: false }), trained({ checkpointing: true })];
  const start = scope(() => valuesOf(smallModel("resnet").buffers));
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  const distance = (a: readonly number[], b: readonly number[]): number => norm(a.map((x, i) => x - (b[i] as number)));
  expect(distance(plain.statistics, start)).toBeGreaterThan(0.1);
  expect(distance(again.statistics, plain.statistics) / distance(plain.statistics, start)).toBeLessThan(1e-5);
  expect(distance(again.weights, plain.weights) / norm(plain.weights)).toBeLessThan(1e-5);
});

test.each([
  ["activations kept", {}, 2n],
  ["activations computed again", { checkpointing: true }, 2n],
  [
    "an image tower of which nothing learns",
    { group: (name: string) => (name.startsWith("visual.") ? undefined : { learningRate: 1e-3, decay: 0 }) },
    0n,
  ],
] as const)("every layer counts the batches that move its statistics, as PyTorch's num_batches_tracked does: %s", (_, more, expected) => {
  const counts = scope(() => {
    const model = smallModel("resnet");
    const learner = createLearner(model, stepOptions(more));
    for (const step of [0, 1]) learn(learner, smallBatch("resnet"), { multiplier: 1, step });
    release(learner.moments);
    return [...model.buffers].flatMap(([name, of]) => (name.endsWith(".num_batches_tracked") ? [...read(of)] : []));
  });
  expect(counts.length).toBeGreaterThan(10);
  expect(new Set(counts)).toEqual(new Set([expected]));
});

const textAlone: StepOptions["group"] = (name) => (name.startsWith("visual.") ? undefined : { learningRate: 1e-3, decay: 0 });

test.each([
  ["model.train.image: none", { group: textAlone }, undefined],
  ["the same with activations computed again", { group: textAlone, checkpointing: true }, undefined],
  ["the method locked-image", {}, "locked-image"],
  ["the method lnfit, which finds no layer norm in it", {}, "lnfit"],
] as const)("a ResNet of which nothing learns keeps its running statistics bit for bit: %s", async (_, more, name) => {
  const start = scope(() => valuesOf(smallModel("resnet").buffers));
  expect(trained(more, name && (await methodsOf(name))).statistics).toEqual(start);
});

test("a locked ResNet sees what it sees when it is evaluated", () => {
  const expected = scope(() => {
    const compute = computeWeights(smallModel("resnet"), "fp32");
    const batch = smallBatch("resnet");
    const image = embedImage(compute, batch.pixels);
    const scale = exp(compute.weights.get("logit_scale") as Tensor);
    return item(clip.loss({ image, text: embedText(compute, batch.texts), scale }));
  });
  expect(trained({ group: textAlone }).losses[0]).toBeCloseTo(expected, 5);
  // The same whether activations are kept, in one step and in the next.
  expect(trained({ group: textAlone, checkpointing: true }).losses[1]).toBeCloseTo(
    trained({ group: textAlone }).losses[1] ?? Number.NaN,
    5,
  );
});
