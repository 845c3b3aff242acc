import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { make } from "../../test/fixtures/runs/made-run.ts";
import { garbageOf } from "./garbage.ts";
import { ObjectStore, objectText } from "./objects.ts";
import { RunStore } from "./store.ts";

let root: string;
let objects: ObjectStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "objects-"));
  objects = new ObjectStore(root);
  return () => rmSync(root, { recursive: true });
});
const key = (digit: string): string => digit.repeat(64);
const put = (digit: string, text = "text"): void => objects.put(key(digit), (path) => writeFileSync(path("a.txt"), text));

test("what was put is found with its bytes; nothing else is", () => {
  put("a");
  const found = objects.find(key("a"));
  if (!found || "refused" in found) throw new Error("not found");
  expect(objectText(found, "a.txt")).toBe("text");
  expect(objects.find(key("b"))).toBeUndefined();
});

test("one that is there stays as it is", () => {
  put("a", "first");
  put("a", "other");
  const found = objects.find(key("a"));
  expect(found && !("refused" in found) && objectText(found, "a.txt")).toBe("first");
});

test.each([
  ["a changed file", (folder: string) => writeFileSync(join(folder, "a.txt"), "tex7")],
  ["a shorter file", (folder: string) => writeFileSync(join(folder, "a.txt"), "te")],
  ["a missing file", (folder: string) => rmSync(join(folder, "a.txt"))],
  ["no manifest", (folder: string) => rmSync(join(folder, "object.json"))],
  [
    "another object's manifest",
    (folder: string) => writeFileSync(join(folder, "object.json"), '{"format":"object/1","key":"b","files":{}}'),
  ],
])("%s is refused once, and gone", (_, alter) => {
  put("a");
  alter(join(root, ".objects", key("a")));
  expect(objects.find(key("a"))).toHaveProperty("refused");
  expect(objects.find(key("a"))).toBeUndefined();
});

test("a write that fails leaves nothing behind", () => {
  expect(() =>
    objects.put(key("a"), (path) => {
      writeFileSync(path("a.txt"), "half");
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    }),
  ).toThrow("no room");
  expect(readdirSync(join(root, ".objects"))).toEqual([]);
});

const hour = 3_600_000;
const rule = { finished: false, youngerThanMs: hour, now: Date.now() + 2 * hour };

/** A run that refers to objects. */
function refer(id: string, state: "done" | "preempted", object: string): void {
  const { writer, lock } = make(root, id, { store: new RunStore(root) });
  writer.append({ type: "shared", what: "task", task: 0, role: "kept", object });
  writer.end({ state, exit: 0 });
  lock.release();
}

test("what a run refers to stays, finished or not; what none refers to goes, once it is old enough", () => {
  for (const digit of ["a", "b", "c"]) put(digit);
  refer("20260101-000000-one-0000", "done", key("a"));
  refer("20260101-000000-two-0000", "preempted", key("b"));
  const store = new RunStore(root);
  const gone = (over: object): readonly string[] => garbageOf(store, objects, { ...rule, ...over }).objects.map((each) => each.key);
  expect(gone({})).toEqual([key("c")]);
  expect(gone({ now: Date.now() })).toEqual([]);
  expect(gone({ finished: true })).toEqual([key("a"), key("c")]);
});

test("where a run cannot be read nothing goes", () => {
  put("c");
  mkdirSync(join(root, "p", "torn"), { recursive: true });
  writeFileSync(join(root, "p", "torn", "run.json"), "{");
  const found = garbageOf(new RunStore(root), objects, rule);
  expect(found.objects).toEqual([]);
  expect(found.unreadable).toHaveLength(1);
});

test("what a death left half written is a leftover when it is old", () => {
  const half = join(root, ".objects", `.${key("d")}.1.tmp`);
  mkdirSync(half, { recursive: true });
  utimesSync(half, new Date(), new Date());
  const store = new RunStore(root);
  expect(garbageOf(store, objects, { ...rule, now: Date.now() }).leftovers).toEqual([]);
  const { leftovers } = garbageOf(store, objects, rule);
  for (const name of leftovers) objects.remove(name);
  expect(existsSync(half)).toBe(false);
});

test("taking an object makes it young again", () => {
  put("a");
  const old = new Date(Date.now() - 3 * hour);
  utimesSync(join(root, ".objects", key("a"), "object.json"), old, old);
  expect(garbageOf(new RunStore(root), objects, { ...rule, now: Date.now() }).objects).toHaveLength(1);
  objects.find(key("a"));
  expect(garbageOf(new RunStore(root), objects, { ...rule, now: Date.now() }).objects).toHaveLength(0);
});
