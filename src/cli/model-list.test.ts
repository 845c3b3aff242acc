import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readList, spreadFlags } from "./model-list.ts";

const names = ["image", "text"];
const file = join(mkdtempSync(join(tmpdir(), "list-")), "list.jsonl");
const strings = (text: string | Uint8Array): readonly string[] => {
  writeFileSync(file, text);
  return readList(file, (value) => (typeof value === "string" ? { value } : { expected: "a JSON string" }));
};

test("a flag takes every value up to the next flag", () => {
  expect(spreadFlags(["--image", "a.png", "b.png", "--text", "x", "", "-5 below", "--json"], names)).toEqual([
    "--image=a.png",
    "--image=b.png",
    "--text=x",
    "--text=",
    "--text=-5 below",
    "--json",
  ]);
});

test("other flags keep their values, and = gives one value that looks like a flag", () => {
  expect(spreadFlags(["--model", "m", "--text=-x", "y", "--", "--text", "z"], names)).toEqual([
    "--model",
    "m",
    "--text=-x",
    "--text=y",
    "--",
    "--text",
    "z",
  ]);
});

test("a flag without a value is left for the parser to refuse", () => {
  expect(spreadFlags(["--text", "--json"], names)).toEqual(["--text", "--json"]);
  expect(spreadFlags(["--text"], names)).toEqual(["--text"]);
});

test("a list is read line by line: line ends of two kinds, byte-order mark, blank lines, separators inside strings", () => {
  expect(strings('\ufeff"a"\r\n\n""\n"x\u2028y"\n"\\ud83d\\ude00"')).toEqual(["a", "", "x\u2028y", "😀"]);
});

test("what is no JSON string is refused with file and line", () => {
  for (const [text, line] of [
    ['"a"\n{"a": 1}', 2],
    ['\n"a', 2],
    ["null", 1],
  ] as const) {
    expect(() => strings(text)).toThrow(expect.objectContaining({ code: "EG-4601", exit: "data", place: { file, line } }));
  }
  expect(() => strings(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/);
  expect(() => readList(`${file}.none`, () => ({ value: 1 }))).toThrow(/ENOENT/);
});
