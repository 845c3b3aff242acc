import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { scope } from "../../src/engine/scope.ts";
import { readFloats } from "../../src/engine/tensor.ts";
import { architecture } from "../../src/models/architecture.ts";
import { loadModel } from "../../src/models/load.ts";
import { readHeader } from "../../src/models/safetensors.ts";
import { expectedTensors } from "../../src/models/weight-names.ts";
import { newestCheckpoint } from "../../src/runs/checkpoint.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { lockState } from "../../src/runs/lock.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { folderOf } from "../resume/attempts.ts";
import { makeWorld, type Outcome, outcome, project, type World } from "../resume/world.ts";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** Steps of about a second, so that a signal finds the trainer in the middle of one. */
const slow = ["data.batch_size=1600", "eval.batch_size=32"];
let world: World;
let whole: Outcome;

interface Command {
  readonly child: ChildProcess;
  readonly events: RunEvent[];
  /** Resolves at the first event that fits. */
  until(fits: (event: RunEvent) => boolean): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly story: string }>;
}

/** Runs the command line in a process group of its own, as a terminal does. */
function evergreen(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, EVERGREEN_RUNS: world.root, ...env },
    cwd: world.folder,
    detached: true,
  });
  const [events, waiting]: [RunEvent[], (readonly [(event: RunEvent) => boolean, () => void])[]] = [[], []];
  let [out, story, rest] = ["", "", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((each) => each.startsWith('{"type"'))) {
      const event = JSON.parse(line) as RunEvent;
      events.push(event);
      for (const [fits, done] of waiting) if (fits(event)) done();
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    story += text;
  });
  const until = (fits: (event: RunEvent) => boolean): Promise<void> => new Promise((done) => waiting.push([fits, done]));
  return { child, events, until, ended: new Promise((done) => child.on("close", (code) => done({ code, out, story }))) };
}

const trainArgs = (id: string, set: readonly string[] = []): readonly string[] => [
  "train",
  "-C",
  world.runFile,
  "--run",
  id,
  "--json",
  ...set.flatMap((each) => ["--set", each]),
];
const isStep =
  (number: number) =>
  (event: RunEvent): boolean =>
    event.type === "step" && event.step === number;

/** Process ids that hold the mark in their environment and are no zombies. */
function living(mark: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark) && !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return false;
    }
  });
}

async function goneWithin(mark: string, ms: number): Promise<number> {
  const began = performance.now();
  while (living(mark).length > 0 && performance.now() - began < ms) await sleep(20);
  expect(living(mark)).toEqual([]);
  return performance.now() - began;
}

let marks = 0;
const marked = (): { readonly EVERGREEN_MARK: string } => ({ EVERGREEN_MARK: `mark-${process.pid}-${marks++}-end` });

beforeAll(async () => {
  world = await makeWorld();
  expect((await evergreen(trainArgs("whole")).ended).code).toBe(0);
  whole = outcome(folderOf(world, "whole"));
}, 120_000);
afterEach(() => rmSync(join(world.root, project, "slow"), { recursive: true, force: true }));
afterAll(() => world.remove());

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, killedCode) => {
  test("lets the step end and the state be saved, exit 75; resume equals a run that was not stopped", async () => {
    const id = `stopped-${signal}`;
    const run = evergreen(["train", "-C", world.runFile, "--run", id]);
    const folder = folderOf(world, id);
    while (!existsSync(join(folder, "checkpoints/latest.json"))) await sleep(10);
    run.child.kill(signal);
    const { code, story } = await run.ended;
    expect(story).toContain(`${signal}: stopping after this step`);
    expect(story).toContain(`go on with: evergreen resume ${id}`);
    expect(code).toBe(75);
    const reader = new RunReader(folder);
    expect(reader.record()).toMatchObject({ state: "preempted", exit: 75 });
    expect(reader.events().at(-1)).toMatchObject({ type: "stopped" });
    expect(existsSync(join(folder, "LOCK"))).toBe(false);
    expect((await evergreen(["resume", id]).ended).code).toBe(0);
    expect(outcome(folder)).toEqual(whole);
  }, 120_000);

  test("a second time ends it within a second, in the middle of a step", async () => {
    const env = marked();
    const run = evergreen(trainArgs("slow", slow), env);
    await run.until(isStep(1));
    await sleep(300);
    run.child.kill(signal);
    await sleep(50);
    const began = performance.now();
    run.child.kill(signal);
    const { code } = await run.ended;
    expect(performance.now() - began).toBeLessThan(1000);
    expect(code).toBe(killedCode);
    await goneWithin(env.EVERGREEN_MARK, 200);
    expect(run.events.some(isStep(2))).toBe(false);
    await expect.poll(() => lockState(folderOf(world, "slow")).state, { timeout: 2000 }).toBe("dead");
  }, 120_000);
});

test("a supervisor killed in the middle of a step takes its trainer with it within two seconds", async () => {
  const env = marked();
  const run = evergreen(trainArgs("slow", slow), env);
  await run.until(isStep(1));
  await sleep(300);
  expect(living(env.EVERGREEN_MARK)).toHaveLength(2);
  run.child.kill("SIGKILL");
  expect(await goneWithin(env.EVERGREEN_MARK, 2000)).toBeLessThan(2000);
  await expect.poll(() => lockState(folderOf(world, "slow")).state, { timeout: 2000 }).toBe("dead");
}, 120_000);

test("a trainer that was killed from outside is told of with exit 5, its run goes on", async () => {
  const run = evergreen(["train", "-C", world.runFile, "--run", "outside"]);
  const folder = folderOf(world, "outside");
  while (!existsSync(join(folder, "checkpoints/latest.json"))) await sleep(10);
  process.kill(new RunReader(folder).record().attempts.at(-1)?.pid ?? 0, "SIGKILL");
  const { code, story } = await run.ended;
  expect(code).toBe(5);
  expect(story).toContain("error[EG-1003]: the trainer died (SIGKILL)");
  expect((await evergreen(["resume", "outside"]).ended).code).toBe(0);
  expect(outcome(folder)).toEqual(whole);
}, 120_000);

test("a loss that is not finite ends the run with exit 7 and the batch's ids; the last checkpoint is good and finite", async () => {
  const { code, out } = await evergreen(trainArgs("diverged", ["optim.lr=1e16", "optim.wd=0", "optim.clip_grad_norm=0"])).ended;
  expect(code).toBe(7);
  const { error } = JSON.parse(out.trim().split("\n").at(-1) ?? "") as {
    readonly error: { readonly code: string; readonly message: string };
  };
  expect(error.code).toBe("EG-7001");
  expect(error.message).toMatch(/^task 1, step \d: loss .+, gradient norm .+; expected finite numbers$/);
  const reader = new RunReader(folderOf(world, "diverged"));
  const failed = reader.events().at(-1);
  if (failed?.type !== "failed") throw new Error(`ended with ${failed?.type}`);
  expect(failed).toMatchObject({ code: "EG-7001", exit: 7, task: 0 });
  expect(failed.samples).toHaveLength(16);
  expect(failed.samples?.every((id) => /^(photos|pool)\//.test(id))).toBe(true);
  expect(reader.metrics().every(({ v }) => Number.isFinite(v))).toBe(true);
  const { checkpoint, refused } = newestCheckpoint(reader.folder);
  expect(refused).toEqual([]);
  expect(checkpoint?.step).toBe((failed.step ?? 0) - 1);
  for (const name of readdirSync(join(reader.folder, "checkpoints")).filter((each) => each.startsWith("t")))
    await expectFinite(join(reader.folder, "checkpoints", name));
}, 120_000);

async function expectFinite(folder: string): Promise<void> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".safetensors"))) {
    const { entries } = await readHeader(join(folder, file));
    const bytes = readFileSync(join(folder, file));
    const broken = entries.filter(({ offset, shape }) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return !new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + 4 * size)).every(Number.isFinite);
    });
    expect(broken.map(({ name }) => `${file}: ${name}`)).toEqual([]);
  }
}

test("more memory than the run may take ends it with exit 5 and says what to set", async () => {
  const { code, out } = await evergreen(trainArgs("small", ["engine.memory_limit=64 MiB"])).ended;
  expect(code).toBe(5);
  expect(out).toContain('"code":"EG-5101"');
  expect(out).toContain("raise engine.memory_limit");
  expect(new RunReader(folderOf(world, "small")).record()).toMatchObject({ state: "failed", exit: 5 });
}, 120_000);

test("a disk that fills up loses nothing: exit 5, and with room again the run ends as it would have", async (context) => {
  const disk = join(world.folder, "disk");
  mkdirSync(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=260m", "tmpfs", disk]).status !== 0) return context.skip("no right to mount");
  try {
    const runs = ["--runs", disk];
    const run = evergreen([...trainArgs("full"), ...runs]);
    await run.until(isStep(3));
    const filled = spawnSync("dd", ["if=/dev/zero", `of=${join(disk, "filler")}`, "bs=64k"], { stdio: "ignore" });
    expect(filled.status).not.toBe(0);
    const { code, out } = await run.ended;
    expect(code).toBe(5);
    expect(out).toMatch(/"code":"EG-5301","message":"no room for /);
    const folder = join(disk, project, "full");
    expect(newestCheckpoint(folder)).toMatchObject({ refused: [], checkpoint: { task: 0 } });
    rmSync(join(disk, "filler"));
    expect((await evergreen(["resume", "full", ...runs]).ended).code).toBe(0);
    expect(outcome(folder)).toEqual(whole);
  } finally {
    spawnSync("umount", [disk]);
  }
}, 120_000);

test("the saved model has OpenCLIP's names, describes itself and loads", async () => {
  const { checkpoint } = newestCheckpoint(folderOf(world, "whole"));
  const path = join(checkpoint?.folder ?? "", "model.safetensors");
  const config = architecture("mini-flux");
  const { entries } = await readHeader(path);
  const shapes = (list: readonly { readonly name: string; readonly shape: readonly number[] }[]): unknown =>
    Object.fromEntries(list.map(({ name, shape }) => [name, [...shape]]));
  expect(shapes(entries)).toEqual(shapes(expectedTensors(config, "openclip")));
  const { model } = await loadModel(path);
  expect(model.config).toEqual(config);
  scope(() => {
    for (const [name, value] of model.weights) expect(readFloats(value).every(Number.isFinite), name).toBe(true);
  });
}, 120_000);

test("the command line goes on with its own unfinished run and refuses another one of that id", async () => {
  const run = evergreen(trainArgs("own"));
  await run.until(isStep(2));
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(75);
  const other = await evergreen(trainArgs("own", ["optim.lr=1e-4"])).ended;
  expect([other.code, other.out]).toEqual([9, expect.stringContaining("EG-9302")]);
  const again = evergreen(trainArgs("own"));
  expect((await again.ended).code).toBe(0);
  expect(again.events[0]).toMatchObject({ type: "resumed", exact: true });
  expect(outcome(folderOf(world, "own"))).toEqual(whole);
}, 120_000);
