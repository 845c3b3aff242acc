import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRun } from "../../src/pipeline/run.ts";
import { readSpec } from "../../src/runs/spec.ts";
import { RunStore } from "../../src/runs/store.ts";
import { exitCodes } from "../../src/util/errors.ts";
import { folderOf, train } from "./attempts.ts";
import { makeWorld, type Outcome, outcome, request, type World } from "./world.ts";

let world: World;
let whole: Outcome;
beforeAll(async () => {
  world = await makeWorld();
  await train(world, "none");
  whole = outcome(folderOf(world, "none"));
}, 120_000);
afterAll(() => world.remove());

test.each(["test", "all"])(
  "with data.preload: %s a run reads its files first and gives the same losses, scores and weights",
  async (mode) => {
    const asked = request(world, [`data.preload=${mode}`]);
    const told: string[] = [];
    const exit = await startRun(
      readSpec(asked),
      asked.cwd,
      {
        store: new RunStore(world.root),
        env: process.env,
        versions: {},
        stopRequested: () => false,
        onEvent: ({ type }) => told.push(type),
        onPreload: (done, total) => told.push(`preload ${done <= total}`),
      },
      mode,
    );
    expect(exit).toBe(0);
    // 18 test pictures; 30 that are streamed and 24 of the pool, all in files of their own.
    const pictures = mode === "test" ? 18 : 72;
    expect(told.slice(0, pictures + 2)).toEqual([
      "started",
      ...Array.from({ length: pictures }, () => "preload true"),
      expect.not.stringContaining("preload"),
    ]);
    expect(told.filter((type) => type === "warning")).toEqual([]);
    expect(outcome(folderOf(world, mode))).toEqual(whole);
  },
  120_000,
);

test("files larger than the free memory are left, with a warning", async () => {
  // Has no blocks on the disk.
  const huge = join(world.folder, "photos/test/kind-0/huge.png");
  writeFileSync(huge, "");
  truncateSync(huge, 2 ** 42);
  try {
    const { events } = await train(world, "huge", { set: ["data.preload=test"], stopAfter: ({ type }) => type === "warning" });
    expect(events.filter(({ type }) => type === "warning")).toEqual([
      { type: "warning", code: "EG-4105", message: expect.stringMatching(/^data\.preload: the files have .*; nothing was read ahead$/) },
    ]);
  } finally {
    rmSync(huge);
  }
}, 120_000);

test("a stopped run goes on exactly with another value", async () => {
  const { exit } = await train(world, "other", { stopAfter: (event) => event.type === "step" && event.step === 6 });
  expect(exit).toBe(exitCodes.stopped);
  const { exit: ended, events } = await train(world, "other", { set: ["data.preload=all"] });
  expect(ended).toBe(0);
  expect(events.filter(({ type }) => type === "resumed")).toMatchObject([{ exact: true }]);
  expect(outcome(folderOf(world, "other"))).toEqual(whole);
}, 120_000);
