import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RowInfo } from "../../src/continual/method.ts";
import { memory } from "../../src/engine/memory.ts";
import { release } from "../../src/engine/scope.ts";
import { fullBatch, meterStep } from "../../src/pipeline/plan-meter.ts";
import { createRandom } from "../../src/util/random.ts";
import { methodsOf, shapesOf } from "../fixtures/training/adapted.ts";
import { digest, goOn, openWorld, run, runUntil, stage, stageFacts, type World } from "../fixtures/training/stage.ts";
import { tinyModel, tinyOptions } from "../fixtures/training/tiny.ts";

// What penalties remember, kept in the host's memory: the same runs, and less on the device.

const cases: readonly (readonly [name: string, options: object])[] = [
  ["ewc", { lambda: 1e6 }],
  ["ewc", { lambda: 1e6, memory: "separate", anchor: "expert" }],
  ["si", { c: 1e6 }],
  ["si", { c: 1e6, form: "published", anchor: "expert" }],
  ["mas", { lambda: 1e3 }],
  ["mas", { lambda: 1e3, anchor: "expert" }],
  ["l2", { lambda: 10 }],
  ["l2", { lambda: 10, to: "task" }],
];

describe("in a run of two tasks", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  test.each(cases)("%s with %o tells and leaves the same bits, also when it was stopped and gone on with", async (name, options) => {
    const { tensors } = memory();
    const whole = async (offload: boolean): Promise<readonly string[]> => {
      const model = tinyModel();
      const { training, scored } = stage(world, model, { methods: await methodsOf(name, { ...options, offload }) });
      await run(training);
      const end = digest(model);
      release(model);
      return [...scored, end];
    };
    const expected = await whole(false);
    expect(await whole(true)).toEqual(expected);
    for (const stopAt of [2, 4]) {
      const saved = await runUntil(world, stopAt, { methods: await methodsOf(name, { ...options, offload: true }) });
      const on = await goOn(world, saved, { methods: await methodsOf(name, { ...options, offload: true }) });
      expect([...on.stage.scored, on.model]).toEqual(expected.slice(-on.stage.scored.length - 1));
    }
    expect(memory().tensors).toBe(tensors);
  });
});

describe("planned on the shapes of a ViT-B/32", () => {
  const { config, ...shapes } = shapesOf("ViT-B-32");
  afterAll(() => release(shapes));
  const facts = { ...stageFacts, batchSize: 16, random: createRandom(0) };
  const rows = Array.from({ length: 16 }, (_, i): RowInfo => ({ id: `set/${i}`, role: "update", caption: `${i}` }));

  test.each(cases)(
    "%s with %o needs less of the device by what it remembers, which is told as bytes of the host",
    async (name, options) => {
      const { metaLive } = memory();
      const planned = async (offload: boolean) =>
        meterStep(config, tinyOptions, fullBatch(config, 16), { methods: await methodsOf(name, { ...options, offload }), facts, rows });
      const [here, away] = [await planned(false), await planned(true)];
      expect(here.hostBytes).toBe(0);
      expect(away.hostBytes).toBe(here.stateBytes);
      expect(away.stateBytes).toBe(here.stateBytes);
      expect(away.hostBytes).toBeGreaterThan(4e8);
      expect(away.flops).toBe(here.flops);
      // Of each tensor in the host's memory a plan keeps one entry, and one parameter's are on the device at a time.
      const largest = 3 * 4 * Math.max(...[...shapes.weights.values()].map(({ size }) => size));
      // Separate memories are one at a step of the second task, and two when it has ended.
      const inStep = "memory" in options && options.memory === "separate" ? here.stateBytes / 2 : here.stateBytes;
      expect(away.peakBytes).toBeLessThanOrEqual(here.peakBytes - inStep + largest);
      expect(away.between.peakBytes).toBeLessThan(here.between.peakBytes);
      expect(memory().metaLive).toBe(metaLive);
    },
  );
});
