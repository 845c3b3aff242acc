import { expect, test } from "vitest";
import { scope } from "../../engine/scope.ts";
import { read, tensor, type Weights } from "../../engine/tensor.ts";
import type { AppliedStep, TaskContext } from "../method.ts";
import definition from "./weight-space-consolidation.ts";

const of = (values: readonly number[]): Weights => new Map([["w", tensor(Float32Array.from(values), [values.length], "float32")]]);
const stepAt = (step: number, values: readonly number[]): AppliedStep =>
  ({
    at: { task: 0, step },
    model: { weights: of(values) },
    moments: { exp_avg: of([0.1, -3, 2, 0.5, 1]), exp_avg_sq: of([1, 1, 0.1, 4, 1]) },
  }) as unknown as AppliedStep;
const method = (options: object) => definition.build(definition.options.parse(options));
const begin = { steps: 10, model: { weights: of([0, 0, 0, 0, 0]) }, learns: () => true } as unknown as TaskContext;

test("the reset leaves the entries of largest |m|·v alone and halves the way of all others", () =>
  scope(() => {
    // |m|·v = 0.1, 3, 0.2, 2, 1: 40 % of five are the second and the fourth.
    const own = method({ keep: 40, alpha: 0.5, warm: 0.3, every: 2 });
    const state = own.startTask?.(begin, null);
    expect(own.rewrite?.(stepAt(1, [2, 2, 2, 2, 2]), state as never)).toBeUndefined();
    const moved = own.rewrite?.(stepAt(2, [2, 2, 2, 2, 2]), state as never)?.get("w");
    expect([...read(moved as never)]).toEqual([1, 2, 1, 2, 1]);
    expect(own.rewrite?.(stepAt(3, [2, 2, 2, 2, 2]), state as never)).toBeUndefined();
  }));

test("after it the mean takes every second step, and is what the task leaves", () =>
  scope(() => {
    const own = method({ warm: 0.3, every: 2 });
    let state = own.startTask?.(begin, null) as never;
    for (let step = 0; step < 10; step++) state = own.afterStep?.(stepAt(step, [step, 0, 0, 0, step]), state) as never;
    // Three steps of warm-up; then steps 5, 7 and 9 as they are counted from 1, whose values are 4, 6 and 8.
    const left = own.expert?.(of([9, 9, 9, 9, 9]), begin, state) as Weights;
    expect([...read(left.get("w") as never)]).toEqual([6, 0, 0, 0, 6]);
  }));

test("keeping all it resets nothing", () =>
  scope(() => {
    const own = method({ keep: 100, warm: 0.3 });
    expect(own.rewrite?.(stepAt(2, [2, 2, 2, 2, 2]), own.startTask?.(begin, null) as never)).toBeUndefined();
  }));
