import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunReader } from "../../src/runs/run-reader.ts";
import { exitCodes } from "../../src/util/errors.ts";
import { folderOf, resume, train } from "./attempts.ts";
import { lastStep, makeWorld, outcome, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
}, 120_000);
afterAll(() => world.remove());

/** A run of the world's twelve steps under a budget of time; a step takes at least a few milliseconds. */
const timed = (perTask: string, stepTime: string, allowance: string): readonly string[] => [
  `budget={per_task: ${perTask}, step_time: ${stepTime}, allowance: "${allowance}"}`,
];
const raise = (id: string, from: string, to: string): void => {
  const config = join(folderOf(world, id), "config.yaml");
  const text = readFileSync(config, "utf8");
  expect(text).toContain(from);
  writeFileSync(config, text.replace(from, to));
};

test("a run that passes its time stops with its state saved, is refused as it is, and goes on with more to the bits of one that had it", async () => {
  const set = timed("0.4ms", "0.1ms", "0%");
  await expect(train(world, "short", { set })).rejects.toMatchObject({ code: "EG-3124", exit: "config" });
  const reader = new RunReader(folderOf(world, "short"));
  expect(reader.record()).toMatchObject({ state: "failed", exit: exitCodes.config });
  expect(reader.events().flatMap(({ type }) => (["step", "stopped", "failed"].includes(type) ? [type] : []))).toEqual([
    "step",
    "stopped",
    "failed",
  ]);
  const before = [reader.events(), reader.record()];
  await expect(resume(world, "short")).rejects.toMatchObject({ code: "EG-3124" });
  expect([reader.events(), reader.record()]).toEqual(before);
  raise("short", "allowance: 0%", "allowance: 100000000%");
  const { exit, events } = await resume(world, "short");
  expect([exit, events[0]]).toEqual([exitCodes.done, expect.objectContaining({ type: "resumed", exact: true })]);
  expect((await train(world, "long", { set: timed("0.4ms", "0.1ms", "100000000%") })).exit).toBe(exitCodes.done);
  expect(outcome(folderOf(world, "short"))).toEqual(outcome(folderOf(world, "long")));
}, 120_000);

test("a run of enough time ends at its last step, and one whose time ends with a task does not begin the next", async () => {
  expect((await train(world, "enough", { set: timed("4h", "1h", "0%") })).exit).toBe(exitCodes.done);
  expect(new RunReader(folderOf(world, "enough")).events().findLast(({ type }) => type === "finished")).toMatchObject({ step: lastStep });
  // Three tasks of a step each: the first one passes the time of all.
  const total = ["budget.per_task=null", 'budget.total="0.3ms"', "budget.step_time=0.1ms", 'budget.allowance="0%"'];
  await expect(train(world, "tasks", { set: total })).rejects.toMatchObject({ code: "EG-3124" });
  const reader = new RunReader(folderOf(world, "tasks"));
  expect(reader.events().filter(({ type }) => type === "task-ended")).toHaveLength(1);
  expect(reader.events().filter(({ type }) => type === "step")).toHaveLength(1);
  await expect(resume(world, "tasks")).rejects.toMatchObject({ code: "EG-3124" });
}, 120_000);
