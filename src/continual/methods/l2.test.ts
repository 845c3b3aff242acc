import { expect, test } from "vitest";
import { pullOf, vector } from "../../../test/fixtures/continual/scalars.ts";
import { taskOver } from "../../../test/fixtures/continual/task.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { release, scope } from "../../engine/scope.ts";
import type { StateTree, Weights } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";
import type { Method } from "../method.ts";
import definition from "./l2.ts";

const methodOf = (options: object = {}): Method => definition.build(definition.options.parse(options));
const tiny = tinyModel();
release(tiny.weights);
const weightsAt = (entry: number): Weights =>
  new Map([
    ["w", vector(entry, entry)],
    ["frozen", vector(entry)],
  ]);
const modelOf = (entry: number, adapter?: number): Clip => ({
  ...tiny,
  weights: weightsAt(entry),
  ...(adapter === undefined ? {} : { adapters: { weights: new Map([["adapter.w.a", vector(adapter)]]), sites: new Map() } }),
});
const learns = (name: string): boolean => name !== "frozen";

/** What a method remembers after its tasks began from weights of these values, the run from the first. */
async function begun(method: Method, starts: readonly number[], adapters: readonly (number | undefined)[] = []): Promise<StateTree> {
  const origin = weightsAt(starts[0] ?? 0);
  let state: StateTree = (await method.init?.(taskOver(modelOf(starts[0] ?? 0), { origin, learns }))) ?? null;
  for (const [task, start] of starts.entries())
    state = method.startTask?.(taskOver(modelOf(start, adapters[task]), { task, learns }), state) as StateTree;
  return state;
}
const pull = (method: Method, state: StateTree, name: string, ...weight: readonly number[]) =>
  scope(() => pullOf(method, state, { name, weight: vector(...weight) }));

test("λ/2 ‖θ − θ*‖² with the gradient λ (θ − θ*), of what learns alone", async () => {
  const method = methodOf({ lambda: 4 });
  const state = await begun(method, [1]);
  expect(pull(method, state, "w", 1.5, 0)).toEqual({ value: 2.5, gradient: [2, -4] });
  expect(pull(method, state, "frozen", 1.5)).toBeUndefined();
});

test("the run's start stays the anchor over tasks; the task's is where each begins", async () => {
  for (const [to, anchor] of [
    ["run", 1],
    ["task", 3],
  ] as const) {
    const method = methodOf({ to });
    const state = await begun(method, [1, 2, 3]);
    expect(pull(method, state, "w", anchor, anchor)).toEqual({ value: 0, gradient: [0, 0] });
    expect(pull(method, state, "w", 2, 2)?.value).toBe(1);
  }
});

test("adapters are held where they were first made", async () => {
  const method = methodOf();
  const state = await begun(method, [1, 2], [5, 6]);
  expect(pull(method, state, "adapter.w.a", 5)?.value).toBe(0);
  expect(pull(method, state, "adapter.w.a", 7)?.value).toBe(2);
});
