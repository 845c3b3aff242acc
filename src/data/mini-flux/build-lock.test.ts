import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withLock } from "./build-lock.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("work under one lock never overlaps", async () => {
  const path = join(folder, "one.lock");
  let [inside, most] = [0, 0];
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await sleep(20);
    inside--;
  };
  let waits = 0;
  await Promise.all([1, 2, 3].map(() => withLock(path, work, { onWait: () => waits++ })));
  expect([most, waits]).toEqual([1, 2]);
});

test("the lock is free again after work that failed", async () => {
  const path = join(folder, "two.lock");
  await expect(withLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withLock(path, async () => 7)).toBe(7);
});

test("a lock of a process that is gone is taken over", async () => {
  const path = join(folder, "three.lock");
  // No system gives out process ids this high.
  writeFileSync(path, JSON.stringify({ pid: 2 ** 30, host: hostname() }));
  expect(await withLock(path, async () => 7)).toBe(7);
});

test("a lock that was not renewed for long is taken over, whoever holds it", async () => {
  const path = join(folder, "four.lock");
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: "elsewhere" }));
  utimesSync(path, new Date(0), new Date(0));
  expect(await withLock(path, async () => 7)).toBe(7);
});

test("waiting ends when it is aborted", async () => {
  const path = join(folder, "five.lock");
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname() }));
  await expect(withLock(path, async () => 7, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
});
