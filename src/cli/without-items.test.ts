import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { itemsToLeaveOut, withoutItems } from "./without-items.ts";

const folder = mkdtempSync(join(tmpdir(), "without-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (text: string): string => {
  const path = join(folder, "list");
  writeFileSync(path, text);
  return path;
};

test("a list of problems names what its pictures contaminate, a plain list every id", () => {
  const rows = [
    "set\tproblem\titem\tdetail",
    "a\tcontaminated-near\ta/1\tx",
    "a\tcontaminated-caption\ta/2\tx",
    "a\tunreadable\ta/3\tx",
    "a\tcontaminated-bytes\ta/4\tx",
  ];
  expect([...itemsToLeaveOut(file(`${rows.join("\n")}\n`))]).toEqual(["a/1", "a/4"]);
  expect([...itemsToLeaveOut(file("a/1\r\n\r\n b/2 \n"))]).toEqual(["a/1", "b/2"]);
});

test("a file that is not there or names nothing is refused", () => {
  expect(() => itemsToLeaveOut(join(folder, "none"))).toThrow("there is no such file");
  expect(() => itemsToLeaveOut(file("set\tproblem\titem\n"))).toThrow("it names no test item");
});

test("the items are gone from testing alone, under another fingerprint; a set without any of them is itself", () => {
  const records = ["a/1", "a/2"].map((id): SampleRecord => ({ id, captions: ["x"], split: "test", image: { kind: "file", path: id } }));
  const source: DataSource = {
    ...{ name: "a", task: "classification", role: "eval", fingerprint: "f", classNames: [], templates: [], licences: [] },
    records: () => records,
    concepts: () => [],
  };
  const view = withoutItems(source, new Set(["a/1", "b/9"]));
  expect([view.records("test").map(({ id }) => id), view.records("train").length]).toEqual([["a/2"], 2]);
  expect(view.fingerprint).not.toBe("f");
  expect(withoutItems(source, new Set(["b/9"]))).toBe(source);
});
