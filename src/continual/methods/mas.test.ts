import { afterAll, expect, test } from "vitest";
import { sampleLoop, worstError } from "../../../test/fixtures/continual/sample-loop.ts";
import { pullOf, pullsOf, vector } from "../../../test/fixtures/continual/scalars.ts";
import { taskOver } from "../../../test/fixtures/continual/task.ts";
import { tinyBatch, tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { add, mul, sum } from "../../engine/ops.ts";
import { release, scope } from "../../engine/scope.ts";
import { readFloats, type StateTree, type Tensor, type Weights } from "../../engine/tensor.ts";
import type { Method } from "../method.ts";
import definition from "./mas.ts";

type Memory = { readonly importance: Weights; readonly anchor: Weights | null };
const methodOf = (options: object = {}): Method => definition.build(definition.options.parse(options));
const model = tinyModel();
afterAll(() => release(model));
const squaredLength = (of: Tensor): Tensor => sum(mul(of, of));
const none: StateTree = { importance: null, anchor: null };

test("the importance is the mean magnitude of the gradient of each sample's squared length, and not zero", async () => {
  const expected = scope(() =>
    sampleLoop(model, tinyBatch(), { measure: Math.abs, number: ({ image, text }) => add(squaredLength(image), squaredLength(text)) }),
  );
  const ended = (await methodOf().endTask?.(taskOver(model, { batches: [tinyBatch], run: { microBatch: 3 } }), none)) ?? null;
  const { importance } = ended as Memory;
  const { name, error } = worstError(importance, expected);
  expect(error, name).toBeLessThan(1e-5);
  const silent = [...importance].filter(([, values]) => readFloats(values).every((value) => value === 0)).map(([parameter]) => parameter);
  expect(silent).toEqual(["logit_scale"]);
  release(importance);
});

test("a later task's importance is averaged in with 1 − α", async () => {
  const learns = (name: string): boolean => name === "ln_final.bias";
  const second = () => tinyBatch({ seed: 8 });
  const measured = async (batches: readonly (typeof tinyBatch)[], from: StateTree = none) =>
    (await methodOf({ alpha: 0.25 }).endTask?.(taskOver(model, { batches, learns }), from)) as Memory;
  const [first, alone] = [await measured([tinyBatch]), await measured([second])];
  const both = await measured([second], first);
  const [old, fresh, mixed] = [first, alone, both].map(({ importance }) => readFloats(importance.get("ln_final.bias") as Tensor));
  for (const [i, value] of (mixed ?? []).entries()) expect(value / (0.25 * (old?.[i] ?? 0) + 0.75 * (fresh?.[i] ?? 0))).toBeCloseTo(1, 6);
  release([first, alone, both]);
});

test("I (.5, 2) and a distance of (.5, −1) cost λ · 2.125, with the gradient 2λ (.25, −2)", () => {
  scope(() => {
    const state: Memory = { importance: new Map([["w", vector(0.5, 2)]]), anchor: new Map([["w", vector(1, 1)]]) };
    expect(pullOf(methodOf({ lambda: 2 }), state, { name: "w", weight: vector(1.5, 0) })).toEqual({ value: 4.25, gradient: [1, -8] });
  });
});

test("where a task begins the penalty and its gradient are exactly zero; nothing pulls before one has ended", async () => {
  const task = taskOver(model, { batches: [tinyBatch] });
  expect(pullsOf(methodOf(), none, model.weights)).toEqual([]);
  const ended = await methodOf().endTask?.(task, none);
  const state = scope(() => methodOf().startTask?.(task, ended ?? null)) as StateTree;
  const still = pullsOf(methodOf(), state, model.weights);
  expect(still).toHaveLength(model.weights.size);
  expect(still.every(({ value, gradient }) => value === 0 && gradient.every((entry) => entry === 0))).toBe(true);
  release(state);
});
