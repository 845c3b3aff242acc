import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { methodsOf } from "../../test/fixtures/training/adapted.ts";
import { openWorld, runUntil, type World } from "../../test/fixtures/training/stage.ts";
import { readPeft, writePeft } from "../continual/peft-format.ts";
import { memory } from "../engine/memory.ts";
import { release } from "../engine/scope.ts";
import { readFloats } from "../engine/tensor.ts";
import { adaptersOf, scaleWarnings } from "./run-adapters.ts";

let world: World;
let folder: string;
beforeAll(async () => {
  world = await openWorld();
  folder = mkdtempSync(join(tmpdir(), "adapters-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await world.close();
});

test("a checkpoint's adapters come out as PEFT has them, by the method that made them", async () => {
  const lora = { name: "lora", r: 2, loraAlpha: 6, targetModules: ["q", "v"] };
  const { name: _, ...options } = lora;
  const saved = await runUntil(world, 2, { methods: await methodsOf("lora", options) });
  const before = memory().tensors;
  const { config, adapters } = await adaptersOf(saved.folder, { methods: [{ name: "finetune" }, lora], seed: 3 });
  expect(adapters.method).toBe(lora);
  // Two blocks in each of two towers, q and v, A and B.
  expect(adapters.weights.size).toBe(2 * 2 * 2 * 2);
  await writePeft(join(folder, "out"), adapters, config);
  const again = await readPeft(join(folder, "out"), config);
  expect(again.method).toEqual({
    name: "lora",
    r: 2,
    loraAlpha: 6,
    rslora: false,
    targetModules: ["q", "v"],
    blocks: { image: "all", text: "all" },
  });
  for (const [name, value] of adapters.weights) expect(readFloats(value)).toEqual(readFloats(again.weights.get(name) as typeof value));
  // Two steps have moved every B away from zero.
  for (const [name, value] of again.weights) expect([name, readFloats(value).some((x) => x !== 0)]).toEqual([name, true]);
  release([adapters.weights, again.weights]);
  expect(memory().tensors).toBe(before);
});

test("a logit scale that learned is told of, since PEFT's folder has no place for it", async () => {
  const methods = [{ name: "lora", r: 2, tuneLogitScale: true }];
  const saved = await runUntil(world, 2, { methods: await methodsOf("lora", { r: 2, tuneLogitScale: true }) });
  const { adapters, logitScale } = await adaptersOf(saved.folder, { methods, seed: 3 });
  release([adapters.weights, adapters.common]);
  const first = Math.fround(Math.log(1 / 0.07));
  expect(logitScale).not.toBe(first);
  const [warning] = scaleWarnings(logitScale, first);
  expect(warning).toContain(`${Math.exp(logitScale).toPrecision(5)}, the first weights' is 14.286`);
  expect(scaleWarnings(first, first)).toEqual([]);
  expect(scaleWarnings(0, undefined)[0]).toContain("1.0000, the first weights' is not known");
});

test("a checkpoint without adapters says so, and frees what it read", async () => {
  const saved = await runUntil(world, 2, { methods: await methodsOf("finetune") });
  const before = memory().tensors;
  await expect(adaptersOf(saved.folder, { methods: [{ name: "finetune" }], seed: 3 })).rejects.toMatchObject({
    code: "EG-4141",
    exit: "data",
  });
  await expect(adaptersOf(saved.folder, { methods: [{ name: "lora" }], seed: 3 })).rejects.toMatchObject({
    fix: expect.stringContaining("lora's are folded"),
  });
  expect(memory().tensors).toBe(before);
});
