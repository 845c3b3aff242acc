import { afterEach, describe, expect, test } from "vitest";
import { tinyBatch, tinyModel, tinyOptions } from "../../test/fixtures/training/tiny.ts";
import { compose } from "../continual/compose.ts";
import { memory, resetPeak } from "../engine/memory.ts";
import { addNumber, mulNumber, sum, zerosLike } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { item, read, type Tensor } from "../engine/tensor.ts";
import { type Clip, computeType } from "../models/clip.ts";
import type { OptimizerDefinition } from "../nn/optimizer.ts";
import { createLearner, type Learner, learn, type StepOptions, type StepResult } from "./step.ts";

const made: Learner[] = [];
afterEach(() => {
  for (const { model, moments, compute } of made.splice(0)) {
    const own = new Set(model.weights.values());
    release([moments, [...compute.weights.values()].filter((each) => !own.has(each)), model]);
  }
});

function learner(options: Partial<StepOptions> = {}): Learner {
  const one = createLearner(tinyModel(), { ...tinyOptions, ...options });
  made.push(one);
  return one;
}

const step = (of: Learner, at: number, multiplier = 1): StepResult =>
  scope(() => learn(of, tinyBatch({ seed: at }), { multiplier, step: at }));
const bytesOf = ({ weights }: Clip): ReadonlyMap<string, Uint8Array> =>
  new Map([...weights].map(([name, value]) => [name, new Uint8Array(read(value).buffer.slice(0))]));

describe("a step", () => {
  test("leaves a parameter that does not learn as it was, bit for bit, and moves all others", () => {
    const learns = (name: string): boolean => !name.startsWith("visual.") && name !== "logit_scale";
    const one = learner({ group: (name) => (learns(name) ? { learningRate: 1e-3, decay: 0.1 } : undefined) });
    const before = bytesOf(one.model);
    for (let at = 0; at < 5; at++) step(one, at);
    const after = bytesOf(one.model);
    const moved = [...before].filter(([name, bytes]) => Buffer.compare(bytes, after.get(name) ?? bytes) !== 0).map(([name]) => name);
    expect(moved).toEqual([...before.keys()].filter(learns));
  });

  test("with a gradient over the limit hands the optimizer one of the limit's norm", () => {
    const scales: number[] = [];
    const norms: number[] = [];
    const watching: OptimizerDefinition = {
      ...tinyOptions.optimizer,
      step: (slots, gradients, state, at) => {
        const scale = item(at.scale);
        scales.push(scale);
        norms.push(scale * Math.hypot(...gradients.flatMap((each) => [...(read(each) as Float32Array)])));
        tinyOptions.optimizer.step(slots, gradients, state, at);
      },
    };
    const clipped = step(learner({ clipNorm: 0.01, optimizer: watching }), 0);
    expect(clipped.gradientNorm).toBeGreaterThan(0.1);
    step(learner({ clipNorm: 1e6, optimizer: watching }), 0);
    step(learner({ clipNorm: 0, optimizer: watching }), 0);
    // torch.nn.utils.clip_grad_norm_ adds 1e-6 to the norm.
    expect(scales[0]).toBeCloseTo(0.01 / (clipped.gradientNorm + 1e-6), 6);
    expect(norms[0]).toBeCloseTo(0.01, 5);
    expect(norms[1]).toBeCloseTo(clipped.gradientNorm, 4);
    expect(scales.slice(1)).toEqual([1, 1]);
  });

  test("keeps the logit scale within [0, ln 100] when it is told to", () => {
    const far = { group: () => ({ learningRate: 10, decay: 0 }) };
    const scaleOf = (options: Partial<StepOptions>): number => step(learner({ ...far, ...options }), 0).logitScale;
    const free = scaleOf({ clampLogitScale: false });
    expect(free < 0 || free > Math.log(100)).toBe(true);
    expect(scaleOf({ clampLogitScale: true })).toBeCloseTo(free < 0 ? 0 : Math.log(100), 6);
  });

  test("of which nothing learns is refused", () => {
    const frozen = learner({ group: () => undefined });
    expect(() => step(frozen, 0)).toThrowError(
      expect.objectContaining({ code: "EG-3112", message: expect.stringContaining("model.train freeze") }),
    );
  });

  test("lets an edit of the gradients see penalties: a projection takes the pull's direction away as well", () => {
    const pulling = compose([
      { name: "pull", method: { penalty: (_, weight) => ({ value: zerosLike(sum(weight)), gradient: addNumber(zerosLike(weight), 7) }) } },
      {
        name: "edit",
        method: { gradients: (gradients) => new Map([...gradients].map(([name, gradient]) => [name, zerosLike(gradient)])) },
      },
    ]);
    const one = createLearner(tinyModel(), { ...tinyOptions, group: () => ({ learningRate: 1e-2, decay: 0 }) }, { methods: pulling });
    made.push(one);
    const before = bytesOf(one.model);
    expect(step(one, 0).gradientNorm).toBe(0);
    expect(bytesOf(one.model)).toEqual(before);
  });

  test("at multiplier 0 moves nothing", () => {
    const one = learner();
    const before = bytesOf(one.model);
    expect(step(one, 0, 0).applied).toBe(true);
    expect(bytesOf(one.model)).toEqual(before);
  });

  test("in bf16 leaves each copy the rounded weight, as a resume makes it", () => {
    const one = learner({ precision: "bf16" });
    for (let at = 0; at < 3; at++) step(one, at);
    const fresh = createLearner(one.model, { ...tinyOptions, precision: "bf16" });
    const bits = ({ compute }: Learner): unknown =>
      [...compute.weights].map(([name, value]) => [name, value.dtype, [...(read(value) as Uint16Array)]]);
    expect(bits(one)).toEqual(bits(fresh));
    expect(one.compute.weights.get("visual.proj")?.dtype).toBe(computeType("visual.proj", "bf16"));
    const own = new Set(one.model.weights.values());
    release([fresh.moments, [...fresh.compute.weights.values()].filter((each) => !own.has(each))]);
  });

  test("with pixels that are not numbers is not applied and changes nothing", () => {
    const one = learner();
    step(one, 0);
    const before = bytesOf(one.model);
    const moments = momentsOf(one);
    const result = scope(() => {
      const batch = tinyBatch();
      return learn(one, { ...batch, pixels: mulNumber(batch.pixels, Number.NaN) }, { multiplier: 1, step: 1 });
    });
    expect(result.applied).toBe(false);
    expect(result.loss).toBeNaN();
    expect(bytesOf(one.model)).toEqual(before);
    expect(momentsOf(one)).toEqual(moments);
  });
});

const momentsOf = ({ moments }: Learner): unknown =>
  Object.values(moments).flatMap((weights) => [...weights.values()].map((value: Tensor) => [...(read(value) as Float32Array)]));

describe.each([
  ["200", "whole", {}],
  ["30", "in micro-batches, checkpointed, bf16", { microBatch: 3, checkpointing: true, precision: "bf16" as const }],
])("after %s steps (%s)", (steps, _, options) => {
  test("as many tensors live as after 2, and no step takes more memory than the third", () => {
    const one = learner(options);
    const peakOf = (at: number): number => {
      resetPeak();
      step(one, at);
      return memory().peak;
    };
    step(one, 0);
    step(one, 1);
    const { tensors, live } = memory();
    const peak = peakOf(2);
    let highest = 0;
    for (let at = 3; at < Number(steps); at++) highest = Math.max(highest, peakOf(at));
    expect(memory().tensors).toBe(tensors);
    expect(memory().live).toBe(live);
    expect(highest).toBe(peak);
  });
});
