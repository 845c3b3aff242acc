import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../../../test/fixtures/training/stage.ts";
import { endUnder } from "../../../test/fixtures/training/steps.ts";
import { scope } from "../../engine/scope.ts";
import { item, type StateTree, type Tensor, tensor, type Weights } from "../../engine/tensor.ts";
import type { AppliedStep, TaskContext, WeightFlow } from "../method.ts";
import checkpointAveraging from "./checkpoint-averaging.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test("a mean of one checkpoint, the last one, is plain fine-tuning", async () => {
  const plain = await endUnder(world, "finetune");
  expect(await endUnder(world, "checkpoint-averaging", { k: 1, every: 1 })).toEqual(plain);
  expect((await endUnder(world, "checkpoint-averaging", { k: 2, every: 1 })).scored[1]).not.toBe(plain.scored[1]);
});

const of = (value: number): Weights => new Map([["w", tensor([value], [1], "float32")]]);

/** What is deployed after so many steps, whose weights are their numbers from 1, and what the next task starts from. */
function left(options: object, steps: number): readonly (number | undefined)[] {
  return scope(() => {
    const method = checkpointAveraging.build(checkpointAveraging.options.parse(options));
    let state = method.startTask?.({ steps, model: { weights: of(0) } } as unknown as TaskContext, null) as StateTree;
    for (let step = 0; step < steps; step++)
      state = method.afterStep?.({ at: { task: 0, step }, model: { weights: of(step + 1) } } as unknown as AppliedStep, state) as StateTree;
    const flow = method.flow?.(of(99), {} as TaskContext, state) as WeightFlow<StateTree> | undefined;
    return [flow?.deploy, flow?.start].map((weights) => weights && item(weights.get("w") as Tensor));
  });
}

test.each([
  ["the last two of every second step", { k: 2, every: 2 }, 9, [7, 7]],
  ["a share of a task's steps: a quarter of eight", { k: 3, every: 0.25 }, 8, [6, 6]],
  ["all there are, where there are fewer than k", { k: 10, every: 4 }, 9, [6, 6]],
  ["the last weights, where no checkpoint was due", { k: 2, every: 10 }, 9, [99, 99]],
  ["the next task starts from the last weights, where it is told to", { k: 2, every: 2, start: "latest" }, 9, [7, 99]],
])("the mean is of %s", (_, options, steps, expected) => {
  expect(left(options, steps)).toEqual(expected);
});
