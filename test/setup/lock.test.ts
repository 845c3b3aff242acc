import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireLock } from "../../scripts/setup/lock.mjs";
import { makeFolder, startNode } from "./sandbox.ts";

let place: ReturnType<typeof makeFolder>;
let file: string;
beforeEach(() => {
  place = makeFolder();
  file = join(place.folder, "locks", "a.lock");
});
afterEach(() => place.remove());

const module = new URL("../../scripts/setup/lock.mjs", import.meta.url).href;
const node = (script: string) =>
  startNode(["--input-type=module", "-e", `const { acquireLock } = await import(${JSON.stringify(module)}); ${script}`], {});

test("a released lock leaves nothing, and can be taken again", async () => {
  for (let i = 0; i < 3; i++) {
    const lock = await acquireLock(file);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    lock.release();
    expect(existsSync(file)).toBe(false);
  }
});

test("a waiting process is told who holds the lock and gets it afterwards", async () => {
  const lock = await acquireLock(file);
  const { ended } = node(
    `await acquireLock(${JSON.stringify(file)}, { onWait: ({ pid }) => console.log("waiting for", pid) }); console.log("got it");`,
  );
  await sleep(600);
  lock.release();
  expect((await ended).stdout).toBe(`waiting for ${process.pid}\ngot it\n`);
  expect(existsSync(file)).toBe(false);
});

test("the lock of a killed process is taken over, and the tools it left are ended", async () => {
  const script = `
    const { spawn } = await import("node:child_process");
    const lock = await acquireLock(${JSON.stringify(file)});
    const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    lock.setChild(child.pid);
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const { child, ended } = node(script);
  const orphan = Number(await new Promise((resolve) => child.stdout.once("data", resolve)));
  child.kill("SIGKILL");
  await ended;
  expect(isRunning(orphan)).toBe(true);
  (await acquireLock(file)).release();
  await sleep(50);
  expect(isRunning(orphan)).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

test.each<[string, string]>([
  ["an empty file", ""],
  ["half a file", '{"pid": 1, "st'],
  [
    "a process number that is used again by another process",
    JSON.stringify({ pid: process.pid, start: "1", host: hostname(), nonce: "x" }),
  ],
])("%s is no lock", async (_title, text) => {
  (await acquireLock(file)).release();
  writeFileSync(file, text);
  (await acquireLock(file)).release();
});

test("eight processes that want it at once have it one after the other, starting from a dead one's lock", async () => {
  const counter = join(place.folder, "counter");
  writeFileSync(counter, "0");
  (await acquireLock(file)).release();
  writeFileSync(file, JSON.stringify({ pid: 2 ** 22 + 1, start: "1", host: hostname(), nonce: "dead" }));
  const script = `
    const { readFileSync, writeFileSync } = await import("node:fs");
    for (let i = 0; i < 5; i++) {
      const lock = await acquireLock(${JSON.stringify(file)});
      const value = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
      await new Promise((resolve) => setTimeout(resolve, 5));
      writeFileSync(${JSON.stringify(counter)}, String(value + 1));
      lock.release();
    }`;
  const all = await Promise.all(Array.from({ length: 8 }, () => node(script).ended));
  expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(all.map(() => [0, ""]));
  expect(readFileSync(counter, "utf8")).toBe("40");
});
