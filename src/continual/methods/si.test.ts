import { expect, test } from "vitest";
import { pullOf, vector } from "../../../test/fixtures/continual/scalars.ts";
import { taskOver } from "../../../test/fixtures/continual/task.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { release, scope } from "../../engine/scope.ts";
import { readFloats, type StateTree, type Tensor, type Weights } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";
import type { AppliedStep, Method } from "../method.ts";
import definition from "./si.ts";

type Memory = { readonly path: Weights; readonly start: Weights; readonly importance: Weights | null; readonly expert: Weights | null };

const methodOf = (options: object = {}): Method => definition.build(definition.options.parse(options));
const tiny = tinyModel();
release(tiny.weights);
const modelOf = (...entries: readonly number[]): Clip => ({ ...tiny, weights: new Map([["w", vector(...entries)]]) });
const one = (value: Tensor): Weights => new Map([["w", value]]);
const entries = (of: Weights | null | undefined): number[] => [...readFloats(of?.get("w") as Tensor)];

const applied = (at: { before: number[]; after: number[]; gradient: number[] }): AppliedStep =>
  ({
    at: { task: 0, step: 0 },
    model: modelOf(...at.after),
    before: one(vector(...at.before)),
    gradients: one(vector(...at.gradient)),
    learningRate: () => 0.1,
  }) as Partial<AppliedStep> as AppliedStep;

/** A task of some steps from a state at its start. */
function taught(method: Method, steps: readonly AppliedStep[], begun: StateTree): StateTree {
  return steps.reduce((state, step) => method.afterStep?.(step, state) ?? null, begun);
}
const began = (method: Method, at: readonly number[], state?: StateTree): StateTree => {
  const task = taskOver(modelOf(...at));
  return method.startTask?.(task, state ?? (method.init?.(task) as StateTree)) as StateTree;
};

const walk = [
  { before: [1, 1], after: [0.5, 1.25], gradient: [2, 1] },
  { before: [0.5, 1.25], after: [0.25, 1.5], gradient: [4, 2] },
];

test("Ω (.5, 2) and a distance of (.5, −1) cost 1.0625 at c .5, with the gradient (.25, −2)", () => {
  scope(() => {
    const state: Memory = { path: new Map(), start: one(vector(1, 1)), importance: one(vector(0.5, 2)), expert: null };
    expect(pullOf(methodOf(), state, { name: "w", weight: vector(1.5, 0) })).toEqual({ value: 1.0625, gradient: [0.25, -2] });
    expect(pullOf(methodOf({ c: 2 }), state, { name: "w", weight: vector(1.5, 0) })).toEqual({ value: 4.25, gradient: [1, -8] });
  });
});

test("ω gathers −g·Δθ along the path; a task's end divides what is positive of it by the square of the way, plus ξ", () => {
  scope(() => {
    const method = methodOf({ xi: 0.5 });
    const state = taught(method, walk.map(applied), began(method, [1, 1])) as Memory;
    // −(2 · −.5 + 4 · −.25) = 2 and −(1 · .25 + 2 · .25) = −.75
    expect(entries(state.path)).toEqual([2, -0.75]);
    const ended = method.endTask?.(taskOver(modelOf(0.25, 1.5)), state) as Memory;
    // 2 / (.75² + .5) and 0
    expect(entries(ended.importance)[0]).toBeCloseTo(2 / 1.0625, 6);
    expect(entries(ended.importance)[1]).toBe(0);
    // The next task adds to it, and is pulled to where it starts.
    const again = taught(method, walk.map(applied), began(method, [3, 3], ended)) as Memory;
    expect(pullOf(method, again, { name: "w", weight: vector(3, 3) })).toEqual({ value: 0, gradient: [0, 0] });
    const twice = method.endTask?.(taskOver(modelOf(3, 3)), again) as Memory;
    expect(entries(twice.importance)[0]).toBeCloseTo(2 / 1.0625 + 2 / 0.5, 5);
  });
});

test("the published form gathers η·g², its own penalty's gradient included", () => {
  scope(() => {
    const method = methodOf({ form: "published" });
    const first = taught(method, [applied({ before: [1, 1], after: [0, 0], gradient: [2, -3] })], began(method, [1, 1])) as Memory;
    expect(entries(first.path)[0]).toBeCloseTo(0.4, 6);
    expect(entries(first.path)[1]).toBeCloseTo(0.9, 6);
    const state: Memory = { ...first, importance: one(vector(1, 0)) };
    const second = taught(method, [applied({ before: [1.5, 1], after: [0, 0], gradient: [2, -3] })], state) as Memory;
    // 2 + 2 · c · 1 · (1.5 − 1) = 2.5
    expect(entries(second.path)[0]).toBeCloseTo(0.4 + 0.1 * 2.5 ** 2, 6);
    expect(entries(second.path)[1]).toBeCloseTo(0.9 + 0.1 * 9, 6);
  });
});

test("nothing pulls in the first task; the anchor `expert` is where the last task ended", () => {
  scope(() => {
    const method = methodOf({ anchor: "expert" });
    const first = taught(method, walk.map(applied), began(method, [1, 1]));
    expect(pullOf(method, first, { name: "w", weight: vector(5, 5) })).toBeUndefined();
    const ended = method.endTask?.(taskOver(modelOf(0.25, 1.5)), first) as Memory;
    const state = began(method, [7, 7], ended);
    expect(pullOf(method, state, { name: "w", weight: vector(0.25, 1.5) })?.value).toBe(0);
    expect(pullOf(method, state, { name: "w", weight: vector(7, 7) })?.value).toBeGreaterThan(0);
  });
});
