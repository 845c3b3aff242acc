import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { EvergreenError } from "../util/errors.ts";
import { acquireLock, clearLock, lockState, staleAfterMs, tornForMs } from "./lock.ts";
import { processMark, thisMachine } from "./machine.ts";

const place = mkdtempSync(join(tmpdir(), "lock-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(place, String(count++));

function conflict(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof EvergreenError && error.exit === "conflict") return error.message;
    throw error;
  }
  return "no conflict";
}

function plant(folder: string, change: Readonly<Record<string, unknown>>): void {
  acquireLock(folder).release();
  const own = processMark(process.pid);
  writeFileSync(
    join(folder, "LOCK"),
    JSON.stringify({ format: "lock/1", ...thisMachine(), processes: [own], acquired: "2026-01-01T00:00:00.000Z", nonce: "n", ...change }),
  );
}

test("a second writer is refused while the first lives, and let in when it has gone", () => {
  const folder = fresh();
  const first = acquireLock(folder);
  expect(lockState(folder).state).toBe("held");
  expect(conflict(() => acquireLock(folder))).toContain(`process ${process.pid} on ${thisMachine().host}`);
  first.heartbeat();
  first.assertHeld();
  first.release();
  expect(lockState(folder)).toEqual({ state: "free", about: "nobody holds it" });
  acquireLock(folder).release();
  expect(readdirSync(folder)).toEqual([]);
});

test("the lock of a process that is gone, of another start or of an earlier boot is taken over", () => {
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  for (const change of [
    { processes: [{ pid: gone, start: "1" }] },
    { processes: [{ pid: process.pid, start: "1" }] },
    { boot: "another" },
  ]) {
    const folder = fresh();
    plant(folder, change);
    expect(lockState(folder).state).toBe("dead");
    const lock = acquireLock(folder);
    expect(lockState(folder).state).toBe("held");
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  }
});

test("a lock of another machine or process space stands until its heartbeat has been quiet for long", () => {
  for (const change of [{ host: "elsewhere", boot: "b" }, { space: "pid:[1]" }]) {
    const folder = fresh();
    plant(folder, { ...change, processes: [{ pid: 1 }] });
    expect(conflict(() => acquireLock(folder))).toContain("last heard of");
    const old = new Date(Date.now() - staleAfterMs - 1000);
    utimesSync(join(folder, "LOCK"), old, old);
    acquireLock(folder).release();
  }
});

test("a heartbeat renews the file's time and changes nothing in it", () => {
  const folder = fresh();
  const lock = acquireLock(folder);
  const path = join(folder, "LOCK");
  const text = readFileSync(path, "utf8");
  const old = new Date(Date.now() - 60_000);
  utimesSync(path, old, old);
  lock.heartbeat();
  expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(30_000);
  expect(readFileSync(path, "utf8")).toBe(text);
  lock.release();
});

test("a lock of several processes is dead when all of them are", async () => {
  const folder = fresh();
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  plant(folder, { processes: [{ pid: gone, start: "1" }, processMark(child.pid ?? 0)] });
  expect(lockState(folder).state).toBe("held");
  const closed = new Promise((done) => child.on("close", done));
  child.kill("SIGKILL");
  await closed;
  expect(lockState(folder).state).toBe("dead");
});

test("a holder whose lock was taken learns it and leaves the new one alone", () => {
  const folder = fresh();
  const first = acquireLock(folder);
  expect(clearLock(folder).state).toBe("held");
  const second = acquireLock(folder);
  expect(conflict(() => first.heartbeat())).toContain("taken by another process");
  first.release();
  second.assertHeld();
  second.release();
});

test("a torn lock stops nobody for long; a lock of a later format does", () => {
  const folder = fresh();
  acquireLock(folder).release();
  writeFileSync(join(folder, "LOCK"), "{");
  expect(conflict(() => acquireLock(folder))).toContain("its lock is torn");
  const old = new Date(Date.now() - tornForMs - 1000);
  utimesSync(join(folder, "LOCK"), old, old);
  acquireLock(folder).release();
  plant(folder, { format: "lock/2" });
  expect(() => acquireLock(folder)).toThrow("format lock/2 is later than lock/1");
  expect(existsSync(join(folder, "LOCK"))).toBe(true);
  expect(readdirSync(folder)).toEqual(["LOCK"]);
});
