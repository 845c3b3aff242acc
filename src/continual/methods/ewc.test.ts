import { afterAll, describe, expect, test } from "vitest";
import { pullOf, pullsOf, vector } from "../../../test/fixtures/continual/scalars.ts";
import { taskOver } from "../../../test/fixtures/continual/task.ts";
import { tinyBatch, tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { memory } from "../../engine/memory.ts";
import { addNumber } from "../../engine/ops.ts";
import { release, scope } from "../../engine/scope.ts";
import { readFloats, type StateTree, type Weights } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";
import type { Method, TaskContext } from "../method.ts";
import definition from "./ewc.ts";

type Memory = { readonly ties: readonly { readonly fisher: Weights; readonly anchor: Weights | null }[] };

const methodOf = (options: object = {}): Method => definition.build(definition.options.parse(options));
const model = tinyModel();
afterAll(() => release(model));

/** What a method remembers when its second task begins. */
async function afterOne(method: Method, task: TaskContext): Promise<StateTree> {
  const ended = await method.endTask?.(task, (await method.init?.(task)) ?? null);
  return scope(() => method.startTask?.(task, ended ?? null)) as StateTree;
}
const twoBatches = [tinyBatch, () => tinyBatch({ seed: 8 })];
const mapped = (of: Clip, change: number): Weights => new Map([...of.weights].map(([name, weight]) => [name, addNumber(weight, change)]));
const total = (pulls: readonly { readonly value: number }[]): number => pulls.reduce((sum, { value }) => sum + value, 0);

test("F (.5, 2) and a distance of (.5, −1) cost 1.0625 at λ 1, with the gradient (.25, −2)", () => {
  scope(() => {
    const state: Memory = { ties: [{ fisher: new Map([["w", vector(0.5, 2)]]), anchor: new Map([["w", vector(1, 1)]]) }] };
    expect(pullOf(methodOf(), state, { name: "w", weight: vector(1.5, 0) })).toEqual({ value: 1.0625, gradient: [0.25, -2] });
    expect(pullOf(methodOf(), state, { name: "other", weight: vector(1.5, 0) })).toBeUndefined();
  });
});

test("each of several ties pulls", () => {
  scope(() => {
    const tie = (fisher: number, anchor: number) => ({
      fisher: new Map([["w", vector(fisher)]]),
      anchor: new Map([["w", vector(anchor)]]),
    });
    const state: Memory = { ties: [tie(2, 1), tie(4, 0)] };
    // ½ · 2 · (3 − 1)² + ½ · 4 · 3²
    expect(pullOf(methodOf({ memory: "separate" }), state, { name: "w", weight: vector(3) })).toEqual({ value: 22, gradient: [16] });
  });
});

describe("where the second task begins", () => {
  test("the penalty and its gradient are exactly zero, and λ scales them elsewhere", async () => {
    const task = taskOver(model, { batches: twoBatches });
    const state = await afterOne(methodOf(), task);
    const still = pullsOf(methodOf(), state, model.weights);
    expect(still).toHaveLength(model.weights.size);
    expect(still.every(({ value, gradient }) => value === 0 && gradient.every((entry) => entry === 0))).toBe(true);
    scope(() => {
      const moved = mapped(model, 0.01);
      const once = pullsOf(methodOf(), state, moved);
      expect(once.every(({ value }) => value > 0)).toBe(true);
      for (const [i, { value }] of pullsOf(methodOf({ lambda: 8 }), state, moved).entries()) expect(value).toBe(8 * (once[i]?.value ?? 0));
    });
    release(state);
  });

  test("nothing pulls in the first task", () => {
    const state = methodOf().init?.(taskOver(model)) as StateTree;
    expect(pullsOf(methodOf(), state, model.weights)).toEqual([]);
  });

  test("the anchor `expert` is what the last task was trained to, whatever the next one starts from", async () => {
    const trained = tinyModel();
    const method = methodOf({ anchor: "expert" });
    const ended = await method.endTask?.(taskOver(trained, { batches: [tinyBatch] }), methodOf().init?.(taskOver(trained)) as StateTree);
    const started = { ...trained, weights: scope(() => mapped(trained, 1)) };
    const state = scope(() => method.startTask?.(taskOver(started), ended ?? null)) as StateTree;
    expect(total(pullsOf(method, state, trained.weights))).toBe(0);
    expect(total(pullsOf(method, state, started.weights))).toBeGreaterThan(0);
    release([trained, started.weights, state]);
  });
});

describe("a task's Fisher", () => {
  test("costs K = ⌈50,000 / B⌉ whole batches, or as many as the task has", async () => {
    const task = taskOver(model, { batches: twoBatches });
    release(await afterOne(methodOf(), task));
    expect(task.asked).toEqual([{ maxSamples: 50_000, batchSize: 8, given: 2 }]);
    const few = taskOver(model, { batches: twoBatches, run: { batchSize: 512 } });
    release(await afterOne(methodOf(), few));
    // 98 batches of 512, as arXiv:2408.14471 counts them.
    expect(few.asked).toEqual([{ maxSamples: 98 * 512, batchSize: 512, given: 2 }]);
  });

  test.each([
    [88_000, 98],
    [50_000, 97],
    [1_100, 2],
    [300, 1],
    [0, 0],
  ])("of %i samples is planned with %i batches of 512", (samples, batches) => {
    expect(methodOf().budget?.batchesAtTaskEnd?.({ samples, batchSize: 512 })).toBe(batches);
  });

  test("is of what learns alone, and nothing of the pass stays", async () => {
    const before = memory().tensors;
    const learns = (name: string): boolean => name.startsWith("visual.ln_post") || name === "logit_scale";
    const state = (await afterOne(methodOf(), taskOver(model, { batches: twoBatches, learns }))) as Memory;
    expect([...(state.ties[0]?.fisher.keys() ?? [])]).toEqual(["logit_scale", "visual.ln_post.weight", "visual.ln_post.bias"]);
    expect(memory().tensors).toBe(before + 6);
    release(state);
  });

  const learns = (name: string): boolean => name === "ln_final.weight";
  const fisherOf = (state: StateTree): Float32Array => readFloats((state as Memory).ties.at(-1)?.fisher.get("ln_final.weight") as never);

  test.each([
    [{}, 1, 1],
    [{ gamma: 0.25 }, 0.25, 1],
    [{ accumulate: "rolling", gamma: 0.25 }, 0.25, 0.75],
  ])("is taken in with %o as %f of the old and %f of the new", async (options, keep, share) => {
    const method = methodOf(options);
    const first = await afterOne(method, taskOver(model, { batches: [tinyBatch], learns }));
    const alone = await afterOne(method, taskOver(model, { batches: [() => tinyBatch({ seed: 8 })], learns }));
    const second = await method.endTask?.(taskOver(model, { batches: [() => tinyBatch({ seed: 8 })], learns }), first);
    const [old, fresh, both] = [fisherOf(first), fisherOf(alone), fisherOf(second ?? null)];
    for (const [i, value] of both.entries()) expect(value / (keep * (old[i] ?? 0) + share * (fresh[i] ?? 0))).toBeCloseTo(1, 6);
    release([first, alone, second]);
  });

  test("is kept task by task with `separate`", async () => {
    const method = methodOf({ memory: "separate" });
    const task = taskOver(model, { batches: [tinyBatch], learns });
    const first = await afterOne(method, task);
    const second = (await method.endTask?.(task, first)) as Memory;
    expect(second.ties).toHaveLength(2);
    expect(second.ties[0]?.anchor).not.toBeNull();
    expect(second.ties[1]?.anchor).toBeNull();
    release([first, second]);
  });
});

test("a Fisher for each task is refused what only the online one has", () => {
  const { options } = definition;
  for (const over of [{ gamma: 0.5 }, { accumulate: "rolling", gamma: 0.5 }])
    expect(options.safeParse({ memory: "separate", ...over })).toMatchObject({
      error: { issues: [{ path: ["memory"], message: expect.stringContaining("online") }] },
    });
  expect(options.safeParse({ memory: "separate" }).success).toBe(true);
});

test("rolling with γ 1 is refused: it would never learn a second task", () => {
  expect(definition.options.safeParse({ accumulate: "rolling" }).success).toBe(false);
});
