import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpointName, verifyCheckpoint } from "../../src/runs/checkpoint.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { folderOf, resume, startTrainer, train, trainTask } from "./attempts.ts";
import { makeWorld, type World } from "./world.ts";

// A run whose merges need the files of all experts. It saves at the ends of its three tasks alone.

const method = "{name: temporal-merging, start: latest, deploy: all, operator: ties}";
const set = ["budget.per_task=2 steps", "checkpoint.every=never", "eval.suite=none", `methods=[${method}]`];
const afterStep = (last: number) => ({ stopAfter: (event: RunEvent): boolean => event.type === "step" && event.step === last });
let world: World;
let whole: ReturnType<typeof end>;
beforeAll(async () => {
  world = await makeWorld();
  await train(world, "whole", { set });
  whole = end(folderOf(world, "whole"));
}, 120_000);
afterAll(() => world.remove());

function end(folder: string) {
  const reader = new RunReader(folder);
  const last = verifyCheckpoint(folder, checkpointName(3, 6));
  if ("reason" in last) throw new Error(last.reason);
  const experts = readdirSync(join(folder, "experts")).sort();
  return { state: reader.record().state, ...reader.digests(), experts, weights: last.manifest.files["model.safetensors"]?.sha256 };
}

test.each([1, 2, 3])(
  "killed between the %i. expert and the checkpoint that knows of it, and gone on with, it ends the same",
  async (border) => {
    const id = `killed-${border}`;
    const task = trainTask(world, id, set);
    const { signal } = await startTrainer(task, { env: { EVERGREEN_FAILPOINT: `phase:save=kill@${border}` } }).ended;
    expect(signal).toBe("SIGKILL");
    expect(readdirSync(join(folderOf(world, id), "experts"))).toHaveLength(border);
    expect(await startTrainer(task).ended).toMatchObject({ code: 0, errors: "" });
    expect(end(folderOf(world, id))).toEqual(whole);
  },
  120_000,
);

test("gone on with from a checkpoint before the newest, the later experts are put again and what was half written goes", async () => {
  await train(world, "older", { set, ...afterStep(5) });
  const folder = folderOf(world, "older");
  for (const name of [checkpointName(2, 5), checkpointName(2, 4)]) writeFileSync(join(folder, "checkpoints", name, "state.json"), "torn");
  writeFileSync(join(folder, "experts/expert-0003.1.tmp"), "half an expert");
  const { events } = await resume(world, "older");
  expect(events[0]).toMatchObject({ type: "resumed", step: 2 });
  expect(end(folder)).toEqual(whole);
}, 120_000);

test("a run folder that was moved goes on with its experts", async () => {
  await train(world, "moved", { set, ...afterStep(5) });
  const elsewhere = { ...world, root: join(world.folder, "another/place") };
  mkdirSync(join(elsewhere.root, "p"), { recursive: true });
  renameSync(folderOf(world, "moved"), folderOf(elsewhere, "moved"));
  await resume(elsewhere, "moved");
  expect(end(folderOf(elsewhere, "moved"))).toEqual(whole);
}, 120_000);

test("an expert that was damaged meanwhile ends the run before anything is merged", async () => {
  await train(world, "damaged", { set, ...afterStep(5) });
  const folder = join(folderOf(world, "damaged"), "experts");
  const file = join(folder, readdirSync(folder).find((name) => name.startsWith("expert-0002")) ?? "");
  const bytes = readFileSync(file);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  writeFileSync(file, bytes);
  await expect(resume(world, "damaged")).rejects.toThrow(/experts\/expert-0002-[0-9a-f]{16}\.safetensors: its digest/);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  writeFileSync(file, bytes);
  await resume(world, "damaged");
  expect(end(folderOf(world, "damaged"))).toEqual(whole);
}, 120_000);
