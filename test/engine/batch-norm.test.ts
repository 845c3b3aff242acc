import { expect, test } from "vitest";
import { release, scope } from "../../src/engine/scope.ts";
import { readFloats, type Weights } from "../../src/engine/tensor.ts";
import { createLearner, learn } from "../../src/training/step.ts";
import { smallBatch, smallModel, stepOptions } from "./small-models.ts";

const valuesOf = (weights: Weights): readonly number[] =>
  [...weights.values()].filter(({ dtype }) => dtype === "float32").flatMap((each) => [...readFloats(each)]);

/** Weights and running statistics after two steps. */
function trained(checkpointing: boolean): { readonly weights: readonly number[]; readonly statistics: readonly number[] } {
  return scope(() => {
    const model = smallModel("resnet");
    const learner = createLearner(model, stepOptions({ checkpointing }));
    for (let step = 0; step < 2; step++) learn(learner, smallBatch("resnet"), { multiplier: 1, step });
    const result = { weights: valuesOf(model.weights), statistics: valuesOf(model.buffers) };
    release(learner.moments);
    return result;
  });
}

test("activations computed again change neither what a ResNet learns nor how far its running statistics move", () => {
  const [plain, again] = [trained(false), trained(true)];
  const start = scope(() => valuesOf(smallModel("resnet").buffers));
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  const distance = (a: readonly number[], b: readonly number[]): number => norm(a.map((x, i) => x - (b[i] as number)));
  expect(distance(plain.statistics, start)).toBeGreaterThan(0.1);
  expect(distance(again.statistics, plain.statistics) / distance(plain.statistics, start)).toBeLessThan(1e-5);
  expect(distance(again.weights, plain.weights) / norm(plain.weights)).toBeLessThan(1e-5);
});
