import { afterAll, beforeAll, expect, test } from "vitest";
import { digest, openWorld, run, stage, type World } from "../../../test/fixtures/training/stage.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { release } from "../../engine/scope.ts";
import { compose } from "../compose.ts";
import { methods } from "../method.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

async function ended(name: string, options: object): Promise<{ readonly model: string; readonly scored: readonly string[] }> {
  const definition = await methods.load(name);
  const model = tinyModel();
  const told = stage(world, model, { methods: compose([{ name, method: definition.build(definition.options.parse(options)) }]) });
  await run(told.training);
  const found = { model: digest(model), scored: told.scored };
  release(model);
  return found;
}

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

test("a mean of one checkpoint, the last one, is plain fine-tuning", async () => {
  const plain = await ended("finetune", {});
  expect(await ended("checkpoint-averaging", { k: 1, every: 1 })).toEqual(plain);
  expect((await ended("checkpoint-averaging", { k: 2, every: 1 })).scored[1]).not.toBe(plain.scored[1]);
});
