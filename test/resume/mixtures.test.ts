import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PlannedRows } from "../../src/runs/plan.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { exitCodes } from "../../src/util/errors.ts";
import { folderOf, resume, train } from "./attempts.ts";
import { makeWorld, outcome, stepsPerTask, type World } from "./world.ts";

// Replay in the last quarter of a task alone, and from the third task on another mixture; drawn by concept and by data set.
const phases = '[{shares: update-only}, {from: "75%", shares: {update: 0.5, buffer: 0.25, pretraining: 0.25}}, {task: 3, shares: iidify}]';
const draws = "{update: class-balanced, buffer: dataset-balanced}";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
}, 120_000);
afterAll(() => world.remove());

const rows = (update: number, buffer: number, pretraining: number): PlannedRows => ({ update, buffer, pretraining });

test("a mixture that changes: the plan tells its phases, the ledger counts them, stopped and resumed equals uninterrupted", async () => {
  const set = [`data.mixture=${phases}`, `data.draws=${draws}`];
  expect((await train(world, "whole", { set })).exit).toBe(exitCodes.done);
  const reader = new RunReader(folderOf(world, "whole"));
  const { tasks } = reader.plan();
  expect(tasks.map((task) => task.phases)).toEqual([
    [
      { from: 0, rows: rows(16, 0, 0) },
      // Nothing to replay yet: its four rows go to the others by halves.
      { from: 3, rows: rows(10, 0, 6) },
    ],
    [
      { from: 0, rows: rows(16, 0, 0) },
      { from: 3, rows: rows(8, 4, 4) },
    ],
    [{ from: 0, rows: rows(2, 14, 0) }],
  ]);
  const counted = tasks.map((_, task) =>
    Object.fromEntries(
      ["update", "buffer", "pretraining"].map((source) => [
        source,
        reader
          .ledger()
          .flatMap((row) => (row.task === task && row.source === source ? [row.n] : []))
          .reduce((a, b) => a + b, 0),
      ]),
    ),
  );
  expect(counted).toEqual([
    { update: 3 * 16 + 10, buffer: 0, pretraining: 6 },
    { update: 3 * 16 + 8, buffer: 4, pretraining: 4 },
    { update: 2 * stepsPerTask, buffer: 14 * stepsPerTask, pretraining: 0 },
  ]);
  // Where the second task's replay begins.
  const stopAfter = (event: { readonly type: string; readonly step?: number }): boolean => event.type === "step" && event.step === 7;
  expect((await train(world, "part", { set, stopAfter })).exit).toBe(exitCodes.stopped);
  expect((await resume(world, "part")).exit).toBe(exitCodes.done);
  expect(outcome(folderOf(world, "part"))).toEqual(outcome(folderOf(world, "whole")));
}, 120_000);

test("a budget that was cut behind a run is not passed: going on is refused, and the run is left as it is", async () => {
  const stopAfter = (event: { readonly type: string; readonly step?: number }): boolean => event.type === "step" && event.step === 6;
  expect((await train(world, "cut", { stopAfter })).exit).toBe(exitCodes.stopped);
  const config = join(folderOf(world, "cut"), "config.yaml");
  const written = readFileSync(config, "utf8");
  writeFileSync(config, written.replace("per_task: 4 steps", "per_task: 3 steps"));
  const plan = new RunReader(folderOf(world, "cut")).plan();
  await expect(resume(world, "cut", { allow: ["config"] })).rejects.toMatchObject({ code: "EG-3140" });
  await expect(resume(world, "cut", { allow: ["config", "tasks"] })).rejects.toMatchObject({ code: "EG-3123" });
  expect(new RunReader(folderOf(world, "cut")).plan()).toEqual(plan);
  writeFileSync(config, written);
  expect((await resume(world, "cut")).exit).toBe(exitCodes.done);
}, 120_000);
