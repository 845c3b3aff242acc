import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import { make } from "../../test/fixtures/runs/made-run.ts";
import { ObjectStore } from "../runs/objects.ts";
import { RunStore } from "../runs/store.ts";
import * as gc from "./commands/gc.ts";

let root: string;
const key = (digit: string): string => digit.repeat(64);
const isThere = (digit: string): boolean => existsSync(join(root, ".objects", key(digit)));

/** Objects a and b, two hours old; a finished run refers to a. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gc-"));
  const objects = new ObjectStore(root);
  const old = new Date(Date.now() - 7_200_000);
  for (const digit of ["a", "b"]) {
    objects.put(key(digit), (path) => writeFileSync(path("x.txt"), "1234"));
    utimesSync(join(root, ".objects", key(digit), "object.json"), old, old);
  }
  const { writer, lock } = make(root, "20260101-000000-one-0000", { store: new RunStore(root) });
  writer.append({ type: "shared", what: "task", task: 0, role: "kept", object: key("a") });
  writer.end({ state: "done", exit: 0 });
  lock.release();
  return () => rmSync(root, { recursive: true });
});

test("a dry run tells what would go, and removes nothing", async () => {
  const { exit, said } = await outcome("--dry-run");
  expect([exit, said]).toEqual([0, expect.stringMatching(/^would remove 1 shared task, .*; 1 shared task stays?, /)]);
  expect([isThere("a"), isThere("b")]).toEqual([true, true]);
});

test("what no run refers to goes; what finished runs alone refer to goes where it is asked for", async () => {
  await outcome();
  expect([isThere("a"), isThere("b")]).toEqual([true, false]);
  await outcome("--finished");
  expect(isThere("a")).toBe(false);
});

test("what is younger stays, and so does everything while a run cannot be read", async () => {
  await outcome("--older-than", "3h");
  mkdirSync(join(root, "p", "torn"));
  writeFileSync(join(root, "p", "torn", "run.json"), "{");
  expect((await outcome("--finished")).said).toContain("nothing is removed");
  expect([isThere("a"), isThere("b")]).toEqual([true, true]);
});

test("machines get counts and keys; a time that is none is wrong usage", async () => {
  const { out } = await captured(gc, "--runs", root, "--json");
  expect(JSON.parse(out)).toMatchObject({ dryRun: false, removed: { objects: 1 }, kept: { objects: 1 }, keys: [key("b")] });
  expect(await captured(gc, "--runs", root, "--older-than", "soon")).toMatchObject({ exit: 2 });
});

async function outcome(...argv: readonly string[]): Promise<{ readonly exit: number; readonly said: string }> {
  const { exit, err } = await captured(gc, "--runs", root, ...argv);
  return { exit, said: err };
}
