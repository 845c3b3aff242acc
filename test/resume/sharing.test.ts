import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpointName, verifyCheckpoint } from "../../src/runs/checkpoint.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { folderOf, train } from "./attempts.ts";
import { lastStep, makeWorld, tasks, type World } from "./world.ts";

let world: World;
/** What a finished run told and left. One that took its tasks has no states inside of them. */
function outcome(folder: string) {
  const reader = new RunReader(folder);
  const last = verifyCheckpoint(folder, checkpointName(tasks, lastStep));
  if ("reason" in last) throw new Error(last.reason);
  return { state: reader.record().state, ...reader.digests(), files: last.manifest.files["model.safetensors"]?.sha256 };
}

let alone: ReturnType<typeof outcome>;
beforeAll(async () => {
  world = await makeWorld();
  await train(world, "alone");
  alone = outcome(folderOf(world, "alone"));
}, 120_000);
afterAll(() => world.remove());

const shared = (events: readonly RunEvent[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const event of events)
    if (event.type === "shared") counts[`${event.what} ${event.role}`] = (counts[`${event.what} ${event.role}`] ?? 0) + 1;
  return counts;
};

test("a run that shares ends as one that does not; the second learns and scores nothing, and ends the same", async () => {
  const first = await train(world, "first", { share: true });
  const second = await train(world, "second", { share: true, set: ["checkpoint.every=never", "data.workers=2"] });
  expect(shared(first.events)).toEqual({ "task kept": 3, "evaluation kept": 4 });
  expect(shared(second.events)).toEqual({ "task taken": 3, "evaluation taken": 4 });
  expect(outcome(folderOf(world, "first"))).toEqual(alone);
  expect(outcome(folderOf(world, "second"))).toEqual(alone);
});

test("merges that train from the first weights share tasks and the first evaluation, and are scored on their own", async () => {
  const merging = (weight: number): readonly string[] => [`methods=[{name: temporal-merging, start: zs, weight: ${weight}}]`];
  const one = await train(world, "one", { share: true, set: merging(0.5) });
  const other = await train(world, "other", { share: true, set: merging(0.6) });
  // The first task begins where plain fine-tuning's does.
  expect(shared(one.events)).toEqual({ "task taken": 1, "task kept": 2, "evaluation taken": 1, "evaluation kept": 3 });
  expect(shared(other.events)).toEqual({ "task taken": 3, "evaluation taken": 1, "evaluation kept": 3 });
  await train(world, "other-alone", { set: merging(0.6) });
  expect(outcome(folderOf(world, "other"))).toEqual(outcome(folderOf(world, "other-alone")));
});

test("another suite shares the tasks, another batch of the evaluation too, another seed nothing but what it begins with", async () => {
  const suite = await train(world, "suite", { share: true, set: ["eval.suite=[./photos]", "eval.batch_size=7"] });
  expect(shared(suite.events)).toEqual({ "task taken": 3, "evaluation kept": 4 });
  const seed = await train(world, "seed", { share: true, set: ["seed=5"] });
  expect(shared(seed.events)).toEqual({ "task kept": 3, "evaluation taken": 1, "evaluation kept": 3 });
});

test("altered objects are refused, told of, and made anew", async () => {
  const objects = join(world.root, ".objects");
  for (const key of readdirSync(objects).filter((name) => !name.startsWith(".")))
    for (const file of readdirSync(join(objects, key)).filter((name) => name !== "object.json")) {
      const path = join(objects, key, file);
      writeFileSync(path, `${readFileSync(path, "latin1").slice(0, -1)}!`, "latin1");
    }
  const again = await train(world, "again", { share: true });
  expect(shared(again.events)).toEqual({ "task kept": 3, "evaluation kept": 4 });
  expect(again.events.filter((event) => event.type === "warning" && event.code === "EG-4303")).toHaveLength(7);
  expect(outcome(folderOf(world, "again"))).toEqual(alone);
});
