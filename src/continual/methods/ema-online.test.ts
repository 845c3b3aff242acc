import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../../../test/fixtures/training/stage.ts";
import { endUnder } from "../../../test/fixtures/training/steps.ts";
import { scope } from "../../engine/scope.ts";
import { item, type StateTree, type Tensor, tensor } from "../../engine/tensor.ts";
import type { AppliedStep, TaskContext, WeightFlow } from "../method.ts";
import emaOnline from "./ema-online.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const ended = (name: string, options: object = {}) => endUnder(world, name, options);

test("keeping nothing it is plain fine-tuning, keeping all it ships what it began with", async () => {
  const plain = await ended("finetune", {});
  expect(await ended("ema-online", { weight: 0 })).toEqual(plain);
  const { scored } = await ended("ema-online", { weight: 1 });
  expect(new Set(scored).size).toBe(1);
});

test("started from the latest weights, it trains as plain fine-tuning does and ships something else", async () => {
  const plain = await ended("finetune", {});
  const averaged = await ended("ema-online", { weight: 0.5, start: "latest" });
  expect(averaged.model).toBe(plain.model);
  expect(averaged.scored[1]).not.toBe(plain.scored[1]);
});

// Averages are dyadic, so float32 holds them as they are.
test.each([
  // 8 → 8 + (4 − 8)/2 = 6 → 6 + (0 − 6)/2 = 3.
  [{ weight: 0.5 }, [4, 0], 3],
  // It keeps 1/10, then 2/11, as long as that is less than `weight`: here 0, so it is the weights themselves.
  [{ weight: 0, biasFree: true }, [4, 1], 1],
])("with %j the average of weights %j, begun at 8, is %d", (options, weights, average) => {
  expect(averageOf(options, weights)).toBe(average);
});

test("without bias its first steps keep (1 + n)/(10 + n)", () => {
  // 8/10 + 4·9/10 = 4.4, then 4.4·2/11 + 0.
  expect(averageOf({ weight: 0.999, biasFree: true }, [4, 0])).toBeCloseTo(0.8, 6);
});

function averageOf(options: object, weights: readonly number[]): number {
  return scope(() => {
    const method = emaOnline.build(emaOnline.options.parse(options));
    const model = (value: number) => ({ model: { weights: new Map([["w", tensor([value], [1], "float32")]]) } });
    let state = method.init?.(model(8) as unknown as TaskContext) as StateTree;
    for (const value of weights) state = method.afterStep?.(model(value) as unknown as AppliedStep, state) as StateTree;
    const flow = method.flow?.(new Map(), {} as TaskContext, state) as WeightFlow<StateTree> | undefined;
    return item(flow?.deploy?.get("w") as Tensor);
  });
}
