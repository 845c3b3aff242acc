import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { carry, lastStep, runId, weightAfter } from "../../test/fixtures/runs/scenario.ts";
import { failpointNames } from "../util/failpoint.ts";
import { newestCheckpoint } from "./checkpoint.ts";
import { lockState } from "./lock.ts";
import type { RunDigests } from "./run-reader.ts";
import { RunStore } from "./store.ts";

// Memory where there is some: flushing to a real disk a thousand times proves nothing more about a killed process.
const place = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "failpoints-"));
const script = join(place, "js/test/fixtures/runs/scenario.js");
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** Children are plain Node, which reads no TypeScript: the files that the scenario needs are stripped of their types once. */
function compile(): void {
  const options = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  const files = ["src/runs", "src/util", "test/fixtures/runs"].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^[a-z-]+\.ts$/.test(name))
      .map((name) => join(folder, name)),
  );
  for (const file of files) {
    const out = join(place, "js", file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, ts.transpileModule(readFileSync(file, "utf8"), { compilerOptions: options }).outputText);
  }
  writeFileSync(join(place, "js/package.json"), '{"type":"module"}');
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

function child(root: string, failpoint: string, trace = ""): Promise<Ended> {
  return new Promise((done) => {
    const started = spawn(process.execPath, [script, root, trace], {
      env: { PATH: process.env.PATH, EVERGREEN_FAILPOINT: failpoint },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    started.stderr.on("data", (data: Buffer) => {
      errors += data.toString();
    });
    started.on("close", (code, signal) => done({ code, signal, errors }));
  });
}

function folderIn(root: string): string {
  return new RunStore(root).folderOf("p", runId);
}

/** What must hold of a run folder whose process has just died. */
function consistent(root: string): void {
  const { runs, unreadable } = new RunStore(root).list();
  expect(unreadable).toEqual([]);
  for (const run of runs) {
    run.events();
    run.digests();
    const { checkpoint, refused } = newestCheckpoint(run.folder);
    expect(refused).toEqual([]);
    if (checkpoint) expect(checkpoint.state).toEqual({ step: checkpoint.step, weight: weightAfter(checkpoint.step) });
  }
  if (existsSync(folderIn(root))) expect(lockState(folderIn(root)).state).not.toBe("held");
}

let whole: RunDigests;
beforeAll(() => {
  compile();
  const root = join(place, "whole");
  carry(root);
  whole = new RunStore(root).find("latest").digests();
});

function finishesAlike(root: string): void {
  carry(root);
  const run = new RunStore(root).find("latest");
  expect(run.digests()).toEqual(whole);
  expect(run.record().state).toBe("done");
  expect(
    run
      .metrics()
      .filter(({ k }) => k === "train/loss")
      .map(({ s }) => s),
  ).toEqual(Array.from({ length: lastStep }, (_, i) => i + 1));
  const { checkpoint } = newestCheckpoint(run.folder);
  expect(checkpoint?.state).toEqual({ step: lastStep, weight: weightAfter(lastStep) });
  expect(readdirSync(join(run.folder, "checkpoints")).sort()).toEqual(
    [...(checkpoint ? ["latest.json"] : []), "t0001-s00000009", "t0001-s00000010"].sort(),
  );
  expect(readdirSync(run.folder).filter((name) => /\.tmp$|^LOCK$/.test(name))).toEqual([]);
}

// Points of other layers, and of paths that a first, undisturbed run does not take.
const elsewhere = /^(phase|object|resume|log:truncate|lock:claim|lock:take-over)/;
const mine = failpointNames().filter((name) => !elsewhere.test(name));
const every = [
  ...mine.map((name) => `${name}=kill`),
  ...mine.filter((name) => /:(write|append)$/.test(name)).map((name) => `${name}=torn`),
];
const later = mine.filter((name) => /^(log|latest|checkpoint)/.test(name)).map((name) => `${name}=kill@3`);

async function inPairs<T>(jobs: readonly T[], work: (job: T) => Promise<void>): Promise<void> {
  const left = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) await work(job);
  };
  await Promise.all([worker(), worker()]);
}

describe("a process that dies at a write, a flush or a rename", () => {
  test("leaves a store that opens, and the resumed run ends with the same digests", { timeout: 120_000 }, async () => {
    const survived: string[] = [];
    await inPairs([...every, ...later], async (failpoint) => {
      const root = join(place, failpoint.replace(/[^a-z0-9]/g, "-"));
      const { signal, errors } = await child(root, failpoint);
      if (signal !== "SIGKILL") survived.push(`${failpoint} ${errors}`);
      consistent(root);
      finishesAlike(root);
      rmSync(root, { recursive: true });
    });
    // Every point was reached: a kill that never came would prove nothing.
    expect(survived).toEqual([]);
  });

  test("does so while it resumes or takes a dead lock over, too", { timeout: 120_000 }, async () => {
    const dead = join(place, "dead");
    await child(dead, "latest:rename=kill@3");
    const points = [
      ...failpointNames().filter((name) => /^(resume|log:truncate|lock:claim|lock:take-over)/.test(name)),
      "latest:rename",
      "run:rename",
      "log:append",
    ];
    const survived: string[] = [];
    await inPairs(
      ["@1", "@2"].flatMap((pass) => points.map((name) => `${name}=kill${pass}`)),
      async (failpoint) => {
        const root = join(place, `again-${failpoint.replace(/[^a-z0-9]/g, "-")}`);
        cpSync(dead, root, { recursive: true });
        // A torn newest checkpoint, so that there is something to put aside.
        const { checkpoint } = newestCheckpoint(folderIn(root));
        if (checkpoint) writeFileSync(join(checkpoint.folder, "parts/weight.txt"), "0");
        const { signal, errors } = await child(root, failpoint);
        if (signal !== "SIGKILL" && failpoint.endsWith("@1")) survived.push(`${failpoint} ${errors}`);
        if (signal === "SIGKILL") finishesAlike(root);
        rmSync(root, { recursive: true });
      },
    );
    expect(survived).toEqual([]);
  });
});

test("a file system without hard links still gives the lock", async () => {
  const root = join(place, "no-links");
  expect(await child(root, "lock:link=EPERM")).toEqual({ code: 0, signal: null, errors: "" });
  expect(readdirSync(folderIn(root)).filter((name) => name.startsWith("LOCK"))).toEqual([]);
});

test("of several processes that resume a dead run at once, one writes at a time and the others are refused", {
  timeout: 60_000,
}, async () => {
  const root = join(place, "race");
  await child(root, "checkpoint:rename=kill@2");
  const ended = await Promise.all(Array.from({ length: 6 }, () => child(root, "")));
  const refused = ended.filter(({ errors }) => errors.includes("EG-9301"));
  expect(ended.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
  expect(ended.filter(({ code }) => code !== 0)).toEqual(refused);
  finishesAlike(root);
});

test("a disk that is full, read-only or broken ends the process with exit kind resources and loses nothing", {
  timeout: 120_000,
}, async () => {
  const wrong: string[] = [];
  const jobs = mine.filter((name) => /:(write|append|folder)$/.test(name)).map((name) => `${name}=ENOSPC`);
  const others = [
    "log:append=ENOSPC@4",
    "log:fsync=EIO@2",
    "checkpoint:rename=EACCES@2",
    "latest:rename=EACCES",
    "lock:link=EACCES",
    "checkpoint:prune=EACCES",
  ];
  await inPairs([...jobs, ...others], async (failpoint) => {
    const root = join(place, `full-${failpoint.replace(/[^A-Za-z0-9]/g, "-")}`);
    const { code, errors } = await child(root, failpoint);
    if (code !== 0 && !/EG-530[12]/.test(errors)) wrong.push(`${failpoint} ${errors}`);
    consistent(root);
    finishesAlike(root);
    rmSync(root, { recursive: true });
  });
  expect(wrong).toEqual([]);
});
