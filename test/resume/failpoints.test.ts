import { readdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpointNames } from "../../src/runs/checkpoint.ts";
import { lockState } from "../../src/runs/lock.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { holdsRun } from "../../src/runs/run-record.ts";
import { type FailpointName, failpointNames } from "../../src/util/failpoint.ts";
import { createRandom } from "../../src/util/random.ts";
import { type Ended, folderOf, startTrainer, trainTask } from "./attempts.ts";
import { makeWorld, type Outcome, outcome, type World } from "./world.ts";

const isLong = process.env.EVERGREEN_LONG_TESTS === "1";

// A log of a few lines never rotates; the store's own suite kills at that point.
const elsewhere: readonly FailpointName[] = ["log:rotate"];
/** Reached once a run, while it is made; `run:*` also later. */
const isMaking = (name: FailpointName): boolean => /^(create|config|config-input|plan|env):/.test(name);
/** Reached at every checkpoint or every step: the second pass leaves the attempt some work that lasts. */
const isOften = (name: FailpointName): boolean =>
  /^(checkpoint:(?!prune|remove)|latest|state|manifest|phase:(step|save)|log:fsync)/.test(name);
/** The newest checkpoint is torn first, so that the attempt has something to put aside. */
const wantsTorn = (name: FailpointName): boolean => name === "resume:set-aside";
/** Reached where whole tasks are kept for other runs, and none is there to take. */
const wantsSharing = (name: FailpointName): boolean => name.startsWith("object:");

const names = failpointNames().filter((name) => !elsewhere.includes(name));
const arms = [
  ...names.filter(isMaking).map((name) => ({ name, arm: `${name}=kill` })),
  ...names.filter((name) => !isMaking(name)).map((name) => ({ name, arm: `${name}=kill${isOften(name) ? "@2" : ""}` })),
  ...(isLong
    ? names.filter((name) => /:(write|append)$/.test(name)).map((name) => ({ name, arm: `${name}=torn${isOften(name) ? "@2" : ""}` }))
    : []),
];

let world: World;
let whole: Outcome;
beforeAll(async () => {
  world = await makeWorld();
  expect(await startTrainer(trainTask(world, "whole")).ended).toMatchObject({ code: 0, errors: "" });
  whole = outcome(folderOf(world, "whole"));
}, 120_000);
afterAll(() => world.remove());

/** A run that is killed again and again, and each time gone on with by the same command. Finished, it must be what it would have been. */
class Victim {
  private readonly name: string;
  private runs = 0;
  attempts = 0;

  constructor(name: string) {
    this.name = name;
  }

  private get id(): string {
    return `${this.name}-${this.runs}`;
  }
  get folder(): string {
    return folderOf(world, this.id);
  }

  /** One more attempt, with another number of workers than the last. */
  async attempt(work: (task: ReturnType<typeof trainTask>) => Promise<Ended>): Promise<Ended> {
    const ended = await work(trainTask(world, this.id, [`data.workers=${1 + (this.attempts++ % 3)}`]));
    if (holdsRun(this.folder)) {
      new RunReader(this.folder).events();
      expect(lockState(this.folder).state).not.toBe("held");
      if (new RunReader(this.folder).record().state === "done") this.finish();
    }
    return ended;
  }

  private finish(): void {
    expect(outcome(this.folder)).toEqual(whole);
    expect(readdirSync(this.folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    this.runs += 1;
  }

  /** Goes on, undisturbed, to the end. */
  async end(): Promise<void> {
    const { runs } = this;
    const { code, errors } = await this.attempt((task) => startTrainer(task).ended);
    expect({ code, errors, finished: this.runs - runs }).toEqual({ code: 0, errors: "", finished: 1 });
  }
}

/** Alters the newest checkpoint of a run that has another one. */
async function tearNewest(victim: Victim): Promise<void> {
  while (checkpointNames(victim.folder).length < 2)
    await victim.attempt((task) => startTrainer(task, { env: { EVERGREEN_FAILPOINT: "phase:save=kill@3" } }).ended);
  truncateSync(join(victim.folder, "checkpoints", checkpointNames(victim.folder)[0] ?? "", "model.safetensors"), 1000);
}

async function killAt(victim: Victim, { name, arm }: (typeof arms)[number]): Promise<boolean> {
  // A point that lies behind the run is reached in the next one, or never.
  for (let round = 0; round < 2; round++) {
    if (wantsTorn(name)) await tearNewest(victim);
    const share = wantsSharing(name);
    if (share) rmSync(join(world.root, ".objects"), { recursive: true, force: true });
    const { signal } = await victim.attempt((task) => startTrainer({ ...task, share }, { env: { EVERGREEN_FAILPOINT: arm } }).ended);
    if (signal === "SIGKILL") return true;
  }
  return false;
}

async function killEach(share: number): Promise<readonly string[]> {
  const victim = new Victim(`failpoints-${share}`);
  const survived: string[] = [];
  for (const each of arms.filter(({ name }, i) => (wantsSharing(name) ? 0 : i % 2) === share))
    if (!(await killAt(victim, each))) survived.push(each.arm);
  await victim.end();
  return survived;
}

test("a trainer killed at any failpoint and started again ends the same", { timeout: 900_000 }, async () => {
  const begun = performance.now();
  const survived = (await Promise.all([killEach(0), killEach(1)])).flat();
  console.log(
    `${arms.length - survived.length} of ${arms.length} failpoints killed and resumed exactly in ${Math.round((performance.now() - begun) / 1000)} s: ${arms.map(({ arm }) => arm).join(" ")}`,
  );
  expect(survived).toEqual([]);
});

const kills = isLong ? 50 : 20;

async function killAtRandom(share: number): Promise<readonly string[]> {
  const victim = new Victim(`random-${share}`);
  const draws = createRandom(20).at("subset", { index: share });
  const done: string[] = [];
  while (done.length < kills / 2) {
    // Some die while they start, most while they train: counted from the start, or from the first event.
    const fromStart = draws.uniform() < 0.25;
    const delayMs = draws.uniform() * (fromStart ? 800 : 1200);
    let counting = false;
    const { signal } = await victim.attempt((task) => {
      const later = (): void => {
        if (counting) return;
        counting = true;
        setTimeout(() => trainer.child.kill("SIGKILL"), delayMs);
      };
      const trainer = startTrainer(task, { onMessage: ({ kind }) => kind === "event" && later() });
      if (fromStart) later();
      return trainer.ended;
    });
    if (signal === "SIGKILL") done.push(`${fromStart ? "start" : "event"}+${Math.round(delayMs)}`);
  }
  await victim.end();
  return done;
}

test(`a trainer killed at ${kills} seeded random times and started again ends the same`, { timeout: 900_000 }, async () => {
  const begun = performance.now();
  const done = (await Promise.all([killAtRandom(0), killAtRandom(1)])).flat();
  console.log(`${done.length} random kills in ${Math.round((performance.now() - begun) / 1000)} s: ${done.join(" ")}`);
  expect(done).toHaveLength(kills);
});
