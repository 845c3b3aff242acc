import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compose, type Methods } from "../../src/continual/compose.ts";
import { methods as catalogue, type MethodDefinition } from "../../src/continual/method.ts";
import { memory } from "../../src/engine/memory.ts";
import { release } from "../../src/engine/scope.ts";
import { fullBatch, meterStep } from "../../src/pipeline/plan-meter.ts";
import { readState } from "../../src/training/checkpoint.ts";
import { batchSize, digest, goOn, openWorld, run, runUntil, stage, stepsOf, type World } from "../fixtures/training/stage.ts";
import { tinyModel, tinyOptions } from "../fixtures/training/tiny.ts";

// What is true of every method, over the catalogue: no method is left out.

const names = catalogue.names();
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const built = (name: string, definition: MethodDefinition): Methods =>
  compose([{ name, method: definition.build(definition.options.parse({})) }]);

test("the catalogue holds a method for every file", () => {
  const files = readdirSync(new URL("../../src/continual/methods/", import.meta.url)).filter((file) => /^[a-z0-9-]+\.ts$/.test(file));
  expect(names).toEqual(files.map((file) => file.replace(".ts", "")).sort());
  expect(names).toContain("finetune");
});

describe.each(names)("%s", (name) => {
  let definition: MethodDefinition;
  let whole: { readonly model: string; readonly scored: readonly string[] };

  beforeAll(async () => {
    definition = await catalogue.load(name);
    const model = tinyModel();
    const told = stage(world, model, { methods: built(name, definition) });
    await run(told.training);
    whole = { model: digest(model), scored: told.scored };
    release(model);
  });

  /** A run to its end, and what it saved where its first task ended. */
  async function pastBorder() {
    const model = tinyModel();
    const told = stage(world, model, { methods: built(name, definition) });
    await run(told.training);
    release(model);
    const [border] = told.saved;
    if (!border) throw new Error("nothing was saved");
    return { told, border };
  }

  test("says what it does and where it comes from, and refuses an option it does not know", () => {
    expect(definition.summary.length).toBeGreaterThan(20);
    expect(definition.source).toBeTruthy();
    expect(definition.options.safeParse({ unheardOf: 1 }).success).toBe(false);
  });

  test("moves what is deployed after each task, and leaves no tensor behind", async () => {
    const before = memory().tensors;
    const model = tinyModel();
    const start = digest(model);
    const told = stage(world, model, { methods: built(name, definition) });
    await run(told.training);
    release(model);
    expect(memory().tensors).toBe(before);
    expect(told.scored).toEqual(whole.scored);
    expect(told.scored[1]).not.toBe(start);
    expect(new Set(told.scored).size).toBe(3);
  });

  test.each([1, 2, 3, 4])("stopped after step %i and gone on with, it ends with the same bits", async (stopAt) => {
    const before = memory().tensors;
    const saved = await runUntil(world, stopAt, { methods: built(name, definition) });
    const { model, stage: on, events } = await goOn(world, saved, { methods: built(name, definition) });
    expect(model).toBe(whole.model);
    expect(on.scored).toEqual(whole.scored.slice(-on.scored.length));
    expect(events.filter(({ type }) => type === "step")).toHaveLength(stepsOf[0] + stepsOf[1] - stopAt);
    expect(memory().tensors).toBe(before);
  });

  test("gone on with from the end of a task, it ends with the same bits", async () => {
    const { told, border } = await pastBorder();
    expect((await goOn(world, border, { methods: built(name, definition), experts: told.training.experts })).model).toBe(whole.model);
  });

  test("saves the weights it deploys: a checkpoint of a task's end is the model that was scored", async () => {
    const { told, border } = await pastBorder();
    const { loaded, ...rest } = await readState(border.folder, border.position.methods);
    expect(digest(loaded.model)).toBe(told.scored[1]);
    release([loaded.model, rest]);
  });

  test("can be planned: a step of its second task is metered on shapes, and nothing of it stays", async () => {
    const model = tinyModel();
    const methods = built(name, definition);
    const { facts } = stage(world, model, {}).training;
    const roles = [
      ...Array.from({ length: batchSize }, (_, i) => (i === 0 ? ("pretraining" as const) : ("update" as const))),
      ...Array.from({ length: methods.mostRows(batchSize) }, () => "reservoir" as const),
    ];
    const rows = roles.map((role, i) => ({ id: `set/${i}`, role, caption: `picture ${i}` }));
    const before = memory().metaLive;
    const plain = await meterStep(model.config, tinyOptions, fullBatch(model.config, batchSize));
    const step = await meterStep(model.config, tinyOptions, fullBatch(model.config, rows.length), { methods, facts, rows });
    expect(step.flops).toBeGreaterThan(plain.flops / 3);
    expect(step.flops).toBeLessThan(plain.flops * (4 + (3 * methods.mostRows(batchSize)) / batchSize));
    expect(memory().metaLive).toBe(before);
    release(model);
  });

  test("listed beside finetune it is itself", async () => {
    const model = tinyModel();
    const finetune = await catalogue.load("finetune");
    const methods = compose([
      { name: "finetune", method: finetune.build({}) },
      { name, method: definition.build(definition.options.parse({})) },
    ]);
    const told = stage(world, model, { methods });
    await run(told.training);
    expect(digest(model)).toBe(whole.model);
    release(model);
  });
});
