import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readClassList, readInfoFile } from "./info-file.ts";

const folder = mkdtempSync(join(tmpdir(), "eg-info-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
function saved(value: unknown): string {
  const path = join(folder, "info.json");
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}
/** A record as the published files have it. */
const record = (facts: object): object => ({
  classname: null,
  default_caption: null,
  primer_caption: null,
  synthetic_caption: null,
  synthetic_merged_caption: null,
  target: 0,
  ...facts,
});

test("records come in the file's order, each class by its target and not by the name in the record", () => {
  const file = saved({
    "b/2.jpg": record({ classname: "owl", target: 1 }),
    "a/1.jpg": record({ classname: "another list's owl", target: 1 }),
  });
  expect(readInfoFile(file, ["fox", "owl"])).toEqual([
    { path: "b/2.jpg", className: "owl", captions: [] },
    { path: "a/1.jpg", className: "owl", captions: [] },
  ]);
});

test("a set's own captions come before merged ones; synthetic ones alone are not used; a null in a list moves none of the others", () => {
  const file = saved({
    own: record({ default_caption: ["one", null, " two "], synthetic_merged_caption: "merged" }),
    merged: record({ synthetic_caption: ["raw"], synthetic_merged_caption: "merged" }),
    raw: record({ synthetic_caption: ["raw"] }),
    empty: record({ default_caption: " ", synthetic_merged_caption: ["merged"] }),
  });
  expect(readInfoFile(file, []).map(({ path, captions }) => [path, captions])).toEqual([
    ["own", ["one", "two"]],
    ["merged", ["merged"]],
    ["raw", []],
    ["empty", ["merged"]],
  ]);
});

test("without a class list a target is the picture's own and gives no class", () => {
  expect(readInfoFile(saved({ "x.jpg": record({ target: 999, default_caption: "x" }) }), [])).toEqual([{ path: "x.jpg", captions: ["x"] }]);
});

test.each([
  ["no JSON", "{", /cannot be read as JSON/],
  ["an array", [], /info\.json: the whole/],
  ["a record without a target", { "x.jpg": { classname: "fox" } }, /x\.jpg → target/],
  ["a target outside the list", { "x.jpg": record({ target: 2 }) }, /x\.jpg: target 2, expected less than 2/],
  ["a path that climbs", { "../x.jpg": record({}) }, /"\.\.\/x\.jpg" is no path/],
  ["an absolute path", { "/etc/x.jpg": record({}) }, /is no path/],
])("%s is refused with its place", (_, value, message) => {
  expect(() => readInfoFile(saved(value), ["fox", "owl"])).toThrow(message);
});

test("a class list is an array of different names", () => {
  expect(readClassList(saved(["fox", "owl"]))).toEqual(["fox", "owl"]);
  expect(() => readClassList(saved(["fox", "owl", "fox"]))).toThrow(/"fox" stands twice/);
  for (const value of [[], {}, [1], [""]]) expect(() => readClassList(saved(value))).toThrow(/expected an array of class names/);
});
