import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compose, type Methods } from "../../src/continual/compose.ts";
import { methods as catalogue } from "../../src/continual/method.ts";
import { memory } from "../../src/engine/memory.ts";
import { release } from "../../src/engine/scope.ts";
import type { Training } from "../../src/training/loop.ts";
import { createRandom } from "../../src/util/random.ts";
import { batchSize, goOn, openWorld, run, runUntil, stage, stepsOf, type World } from "../fixtures/training/stage.ts";
import { tinyModel, tinyOptions } from "../fixtures/training/tiny.ts";

// What methods that remember a model, or rows, do beside others: all that a run tells and leaves is the same when it was interrupted.

interface Listed {
  readonly name: string;
  readonly [option: string]: unknown;
}

async function built(list: readonly Listed[]): Promise<Methods> {
  const parts = list.map(async ({ name, ...options }) => {
    const definition = await catalogue.load(name);
    return { name, method: definition.build(definition.options.parse(options)) };
  });
  return compose(await Promise.all(parts));
}

const cases: readonly (readonly [string, readonly Listed[], readonly string[]])[] = [
  [
    "er with ewc",
    [
      { name: "er", draw: 3 },
      { name: "ewc", lambda: 50 },
    ],
    ["er/replay", "penalty"],
  ],
  ["lwf with lora", [{ name: "lora", r: 2 }, { name: "lwf" }], ["lwf/distillation"]],
  ["paint with lora: adapters are folded in", [{ name: "lora", r: 2 }, { name: "paint" }], []],
  ["rewind with si", [{ name: "si" }, { name: "rewind" }], ["penalty"]],
  [
    "lwf with a moving average of experts: the teacher is the average",
    [{ name: "temporal-merging", start: "latest", deploy: "unrolled", operator: "linear", weight: 0.9 }, { name: "lwf" }],
    ["lwf/distillation"],
  ],
  [
    "zscl with der-pp",
    [
      { name: "zscl", weFreq: 2 },
      { name: "der-pp", size: 5, draw: 2 },
    ],
    ["der-pp/logits", "der-pp/replay", "penalty", "zscl/images", "zscl/texts"],
  ],
];

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe.each(cases)("%s", (_, list, terms) => {
  test.each(["fp32", "bf16"] as const)("in %s, stopped inside each task and gone on with, tells and ends the same", async (precision) => {
    const before = memory().tensors;
    const facts = {
      tasks: stepsOf.length,
      precision,
      objective: tinyOptions.objective,
      batchSize,
      clampsLogitScale: true,
      seed: 3,
      random: createRandom(3),
    };
    const over = async (): Promise<Partial<Training>> => ({ methods: await built(list), step: { ...tinyOptions, precision }, facts });
    const model = tinyModel();
    const told = stage(world, model, await over());
    const steps = (await run(told.training)).flatMap((event) => (event.type === "step" ? [event] : []));
    release(model);
    for (const term of terms) expect(steps.at(-1)?.losses[term], term).not.toBe(undefined);
    for (const stopAt of precision === "fp32" ? [2, 4] : [4]) {
      const saved = await runUntil(world, stopAt, await over());
      const on = await goOn(world, saved, await over());
      const left = on.events.flatMap((event) => (event.type === "step" ? [event] : []));
      expect(left.map(({ losses, gradientNorm }) => ({ losses, gradientNorm }))).toEqual(
        steps.slice(stopAt).map(({ losses, gradientNorm }) => ({ losses, gradientNorm })),
      );
      expect(on.stage.scored).toEqual(told.scored.slice(-on.stage.scored.length));
    }
    expect(memory().tensors).toBe(before);
  });
});
