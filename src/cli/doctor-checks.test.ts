import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cacheCheck, diskCheck, nodeCheck, openMpCheck, threadsOf } from "./doctor-checks.ts";
import { variablesOf } from "./doctor-environment.ts";

const place = mkdtempSync(join(tmpdir(), "doctor-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("a Node that is too old is a problem with a cure", () => {
  expect(["18.20.0", "20.18.9", "20.19.0", "24.0.0"].map((version) => nodeCheck(version).state)).toEqual([
    "problem",
    "problem",
    "ok",
    "ok",
  ]);
  expect(nodeCheck("18.20.0").cure).toBe("use Node 20.19 or later");
});

test("the disk is measured where runs will go, and nothing is left there", () => {
  expect(diskCheck(join(place, "not", "yet"))).toMatchObject({
    name: "disk",
    text: expect.stringMatching(/ free, .*\/s written/) as string,
  });
  expect(readdirSync(place)).toEqual([]);
  const cure = expect.stringContaining("EVERGREEN_RUNS") as string;
  expect(diskCheck(join("/proc", "runs"))).toMatchObject({ state: "problem", cure });
});

test("the cache is told by folder with sizes", () => {
  mkdirSync(join(place, "indexes", "deep"), { recursive: true });
  writeFileSync(join(place, "indexes", "deep", "one"), Buffer.alloc(1500));
  expect(cacheCheck({ EVERGREEN_CACHE: place })).toEqual({ name: "cache", state: "ok", text: `${place}: indexes 1.5 kB` });
  expect(cacheCheck({ EVERGREEN_CACHE: join(place, "none") }).state).toBe("note");
});

test("threads are counted by name, OpenMP runtimes by library", () => {
  for (const [id, name] of ["node", "worker", "worker"].entries()) {
    mkdirSync(join(place, "task", String(id)), { recursive: true });
    writeFileSync(join(place, "task", String(id), "comm"), `${name}\n`);
  }
  expect(threadsOf(join(place, "task"))).toEqual([
    { name: "worker", count: 2 },
    { name: "node", count: 1 },
  ]);
  const maps = (...paths: string[]): string => {
    writeFileSync(join(place, "maps"), paths.map((path) => `7f00-7f01 r-xp 0000 fd:00 1   ${path}\n`).join(""));
    return openMpCheck(join(place, "maps")).state;
  };
  expect([maps("/a/libgomp.so.1", "/a/libgomp.so.1"), maps("/a/libgomp.so.1", "/b/libiomp5.so"), maps("/a/libc.so")]).toEqual([
    "ok",
    "problem",
    "note",
  ]);
});

test("each variable of ours is told with its value and where that comes from", () => {
  const told = variablesOf({ EVERGREEN_RUNS: "/r", HOME: "/h" });
  expect(told.find(({ name }) => name === "EVERGREEN_RUNS")).toMatchObject({ value: "/r", origin: "environment" });
  expect(told.find(({ name }) => name === "EVERGREEN_CACHE")).toMatchObject({ value: "/h/.cache/evergreen", origin: "built in" });
});
