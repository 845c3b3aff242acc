import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpointNames } from "../../src/runs/checkpoint.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { EvergreenError, exitCodes } from "../../src/util/errors.ts";
import { type AttemptOptions, folderOf, resume, resumeTask, startTrainer, train, trainTask } from "./attempts.ts";
import { lastStep, makeWorld, type Outcome, outcome, picture, type World } from "./world.ts";

let world: World;
let whole: Outcome;
beforeAll(async () => {
  world = await makeWorld();
  await train(world, "whole");
  whole = outcome(folderOf(world, "whole"));
}, 120_000);
afterAll(() => world.remove());

/** A run that was stopped after its sixth step, inside of the second task. */
async function stopped(id: string, options: AttemptOptions = {}): Promise<string> {
  const { exit } = await train(world, id, { ...options, stopAfter: (event) => event.type === "step" && event.step === 6 });
  expect(exit).toBe(exitCodes.stopped);
  return folderOf(world, id);
}

/** Exit code and text of an attempt that is refused. */
async function refusal(attempt: Promise<unknown>): Promise<readonly [number, string]> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof EvergreenError) return [exitCodes[error.exit], `${error.code} ${error.message}; fix: ${error.fix}`];
    throw error;
  }
  throw new Error("was not refused");
}

function edit(file: string, from: string | RegExp, to: string): void {
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
}

const resumedEvents = (folder: string): readonly unknown[] =>
  new RunReader(folder)
    .events()
    .filter(({ type }) => type === "resumed")
    .map((event) => (event.type === "resumed" ? { exact: event.exact, allowed: event.allowed } : event));

test("data that changed is refused with exit 3; allowed, the run goes on and says that it is not exact", async () => {
  const folder = await stopped("data");
  const added = join(world.folder, "photos/test/kind-1/900.png");
  await picture(added, 1, 900);
  try {
    const [exit, text] = await refusal(resume(world, "data"));
    expect(exit).toBe(3);
    expect(text).toMatch(/^EG-3140 resume would not be exact: data 0\.fingerprint: was ".+", is ".+"; fix: .*--allow data/);
    const begun = new RunReader(folder).plan();
    expect((await resume(world, "data", { allow: ["data"] })).exit).toBe(0);
    expect(resumedEvents(folder)).toEqual([{ exact: false, allowed: ["data"] }]);
    const amended = new RunReader(folder).plan();
    expect(amended.hash, "the next resume is held against the data that were allowed").not.toBe(begun.hash);
  } finally {
    rmSync(added);
  }
}, 120_000);

test("other code is refused with exit 3; allowed, the run goes on and says that it is not exact", async () => {
  // This process runs the sources, a trainer the build: to the digest two programs.
  const folder = await stopped("code");
  const refused = await startTrainer(resumeTask(world, "code")).ended;
  expect(refused.code).toBe(3);
  expect(refused.messages.at(-1)).toMatchObject({
    kind: "failed",
    failure: { code: "EG-3140", exit: 3, message: expect.stringMatching(/^resume would not be exact: code : was/) },
  });
  expect((await startTrainer(resumeTask(world, "code", ["code"])).ended).code).toBe(0);
  expect(resumedEvents(folder)).toEqual([{ exact: false, allowed: ["code"] }]);
  expect(outcome(folder)).toEqual(whole);
}, 120_000);

test("another engine is refused with exit 3; --allow engine goes on", async () => {
  expect((await startTrainer(trainTask(world, "engine"), { env: { EVERGREEN_FAILPOINT: "phase:end-task=kill" } }).ended).signal).toBe(
    "SIGKILL",
  );
  const env = { ATEN_CPU_CAPABILITY: "default" };
  const refused = await startTrainer(resumeTask(world, "engine"), { env }).ended;
  expect(refused.code).toBe(3);
  expect(refused.messages.at(-1)).toMatchObject({ failure: { message: expect.stringContaining("engine instructions: was") } });
  expect((await startTrainer(resumeTask(world, "engine", ["engine"]), { env }).ended).code).toBe(0);
  expect(resumedEvents(folderOf(world, "engine"))).toEqual([{ exact: false, allowed: ["engine"] }]);
}, 120_000);

test("another number of threads is an engine that differs", async () => {
  const folder = await stopped("threads");
  edit(join(folder, "config.yaml"), "threads: 2", "threads: 1");
  const [exit, text] = await refusal(resume(world, "threads"));
  expect(exit).toBe(3);
  expect(text).toContain("engine threads: was 2, is 1; fix: put it back, or go on with --allow engine");
  expect((await resume(world, "threads", { allow: ["engine"] })).exit).toBe(0);
}, 120_000);

test("a configuration that was altered in the run's folder is refused with exit 3", async () => {
  const folder = await stopped("altered");
  edit(join(folder, "config.yaml"), /lr: 0\.001\b/, "lr: 0.002");
  const [exit, text] = await refusal(resume(world, "altered"));
  expect(exit).toBe(3);
  expect(text).toContain('config config.yaml: was "as the run began", is "altered"; fix: put it back, or go on with --allow config');
  edit(join(folder, "config.yaml"), "lr: 0.002", "lr: 0.001");
  edit(join(folder, "config.yaml"), "workers: 1", "workers: 2");
  await resume(world, "altered");
  expect(outcome(folder)).toEqual(whole);
}, 120_000);

test("one more task is another run: refused in the same folder, begun from the old run's model in a new one", async () => {
  const folder = await stopped("longer");
  edit(join(folder, "config.yaml"), "tasks: 3", "tasks: 4");
  const [exit, text] = await refusal(resume(world, "longer"));
  expect(exit).toBe(3);
  expect(text).toContain("tasks ");
  const set = ["stream.tasks=4", `model.init=${folderOf(world, "whole")}/checkpoints/t0003-s000000${lastStep}/model.safetensors`];
  expect(await refusal(train(world, "longer", { set }))).toEqual([9, expect.stringMatching(/^EG-9302 a run longer exists/)]);
  expect((await train(world, "continued", { set })).exit).toBe(0);
  expect(new RunReader(folderOf(world, "continued")).plan().model.digest).toBe(whole.tensors[`t0003-s000000${lastStep}/model.safetensors`]);
}, 120_000);

test("a finished run is finished: resume ends with exit 0 and changes nothing, train refuses its id with exit 9", async () => {
  const folder = folderOf(world, "whole");
  const before = readFileSync(join(folder, "events.jsonl"), "utf8") + readFileSync(join(folder, "run.json"), "utf8");
  expect(await resume(world, "whole")).toEqual({ exit: 0, events: [] });
  expect(await refusal(train(world, "whole"))).toEqual([9, expect.stringContaining("a run whole exists")]);
  expect(readFileSync(join(folder, "events.jsonl"), "utf8") + readFileSync(join(folder, "run.json"), "utf8")).toBe(before);
}, 120_000);

test("a torn newest checkpoint is refused and told, the one before is used, and the end is the same", async () => {
  const folder = await stopped("torn");
  const [newest = "", before = ""] = checkpointNames(folder);
  truncateSync(join(folder, "checkpoints", newest, "optim.safetensors"), 5000);
  const { events } = await resume(world, "torn");
  expect(events[0]).toMatchObject({ type: "resumed", from: before, exact: true });
  expect(events[1]).toMatchObject({
    type: "warning",
    code: "EG-4302",
    message: expect.stringMatching(`checkpoint ${newest} was refused .optim.safetensors: holds 5000 bytes`),
  });
  expect(outcome(folder)).toEqual(whole);
}, 120_000);

test("with every checkpoint altered nothing is loaded: exit 4, each named", async () => {
  const folder = await stopped("ruined");
  const names = checkpointNames(folder);
  for (const name of names) {
    const file = join(folder, "checkpoints", name, "model.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  }
  const [exit, text] = await refusal(resume(world, "ruined"));
  expect(exit).toBe(4);
  for (const name of names) expect(text).toContain(`${name}: model.safetensors: its digest is not the one in the manifest`);
}, 120_000);

test("of two resumes at once the second ends with exit 9 and the first is not disturbed", async () => {
  const folder = folderOf(world, "twice");
  await startTrainer(trainTask(world, "twice"), { env: { EVERGREEN_FAILPOINT: "phase:step=kill@5" } }).ended;
  let second: ReturnType<typeof startTrainer> | undefined;
  const first = startTrainer(resumeTask(world, "twice"), {
    onMessage: ({ kind }, child) => {
      if (kind !== "event" || second) return;
      // Held still, so that the second one meets it alive.
      child.kill("SIGSTOP");
      second = startTrainer(resumeTask(world, "twice"));
      second.ended.finally(() => child.kill("SIGCONT"));
    },
  });
  expect((await first.ended).code).toBe(0);
  const refused = await second?.ended;
  expect(refused?.code).toBe(9);
  expect(refused?.messages.at(-1)).toMatchObject({
    failure: { code: "EG-9301", message: expect.stringContaining("the run is in use: process") },
  });
  expect(outcome(folder)).toEqual(whole);
}, 120_000);
