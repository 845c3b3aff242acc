import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Captured, captured } from "../../test/fixtures/cli/captured.ts";
import { openSources } from "../data/open-sources.ts";
import { run } from "./commands/data.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "eg-captions-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string): string => join(root, name);
const put = (name: string, value: unknown): void => writeFileSync(at(name), typeof value === "string" ? value : JSON.stringify(value));
const merge = (...argv: string[]): Promise<Captured> => captured({ run }, "captions", ...argv);

const info = {
  "b/2.jpg": {
    target: 0,
    note: { kept: [1] },
    classname: "another list's",
    synthetic_merged_caption: null,
    synthetic_caption: [null, "the sea"],
  },
  "a/1.jpg": { synthetic_caption: "hair", target: 1, classname: null },
  "a/3.jpg": { target: 1, default_caption: "its own" },
};
function putDtd(): void {
  put("DTD_train.json", info);
  put("DTD_classnames.json", ["wavy", "braided"]);
}
/** A program that answers by this function of the record, in a file of its own. */
function program(body: string): string {
  put("merger.mjs", body);
  return `"${process.execPath}" "${at("merger.mjs")}"`;
}
const answering = (answer: string): string => `import { createInterface } from "node:readline";
let line = 0;
for await (const text of createInterface({ input: process.stdin })) { const record = JSON.parse(text); line++; ${answer} }`;

test("joins class and synthetic captions by the registered prompt and list; all else of the file stays, in its order", async () => {
  putDtd();
  const told = await merge(at("DTD_train.json"), "--out", at("out.json"));
  expect(told).toMatchObject({
    exit: 0,
    out: `${at("out.json")}: 2 merged captions\n`,
    err: "1 record without a synthetic caption left as found\n",
  });
  expect(readFileSync(at("out.json"), "utf8").trimEnd()).toBe(
    JSON.stringify({
      "b/2.jpg": { ...info["b/2.jpg"], synthetic_merged_caption: "A photo of a wavy texture. the sea" },
      "a/1.jpg": { ...info["a/1.jpg"], synthetic_merged_caption: "A photo of a braided texture. hair" },
      "a/3.jpg": info["a/3.jpg"],
    }),
  );
});

test("the merged captions are those that fomo trains on", async () => {
  putDtd();
  put("DTD_test.json", {});
  for (const path of Object.keys(info)) {
    mkdirSync(join(root, "DTD", path, ".."), { recursive: true });
    writeFileSync(join(root, "DTD", path), "bytes");
  }
  expect(await merge(at("DTD_train.json"), "--out", at("DTD_train.json"), "--json")).toMatchObject({
    exit: 0,
    out: `${JSON.stringify({ out: at("DTD_train.json"), merged: 2, left: 1 })}\n`,
    err: "",
  });
  const [dtd] = await openSources(`fomo:${root}`, "/");
  expect(dtd?.records("train").map(({ id, captions }) => [id, captions])).toEqual([
    ["dtd/train/a/1.jpg", ["A photo of a braided texture. hair"]],
    ["dtd/train/a/3.jpg", ["its own"]],
    ["dtd/train/b/2.jpg", ["A photo of a wavy texture. the sea"]],
  ]);
});

test("a file of one's own takes a template and the records' names, or a list", async () => {
  put("mine.json", { "1.jpg": { target: 0, classname: "fox", synthetic_caption: ["snow"] } });
  put("names.json", ["red fox"]);
  const mergedOf = async (...more: string[]): Promise<unknown> => {
    expect((await merge(at("mine.json"), "--out", at("out.json"), "--template", "a {}", ...more)).exit).toBe(0);
    return JSON.parse(readFileSync(at("out.json"), "utf8"))["1.jpg"].synthetic_merged_caption;
  };
  expect(await mergedOf()).toBe("a fox. snow");
  expect(await mergedOf("--classnames", at("names.json"))).toBe("a red fox. snow");
  expect(await merge(at("mine.json"), "--out", at("out.json"))).toMatchObject({
    exit: 2,
    failure: expect.stringContaining("no registered set"),
  });
  expect(await merge(at("mine.json"), "--out", at("out.json"), "--template", "a fox")).toMatchObject({ exit: 2 });
  expect(await merge(at("mine.json"), "--template", "a {}")).toMatchObject({ exit: 2, failure: "EG-2001 no --out" });
});

test("a program reads a record a line and answers a merged caption a line; a shell never sees a record", async () => {
  const evil = '$(touch pwned) `touch pwned` "; touch pwned; #';
  const records = Array.from({ length: 3000 }, (_, i) => [`${i}.jpg`, { target: i, classname: "fox", synthetic_caption: `${evil} ${i}` }]);
  put("mine.json", Object.fromEntries(records));
  const command = program(
    answering("console.log(JSON.stringify({ merged: `${record.class_caption} | ${record.class_name} | ${record.synthetic}` }));"),
  );
  expect(await merge(at("mine.json"), "--out", at("out.json"), "--template", "a {}", "--with", command)).toMatchObject({ exit: 0 });
  const out = JSON.parse(readFileSync(at("out.json"), "utf8"));
  expect(Object.keys(out).length).toBe(3000);
  expect(out["2999.jpg"].synthetic_merged_caption).toBe(`a fox | fox | ${evil} 2999`);
  expect(existsSync("pwned") || existsSync(at("pwned"))).toBe(false);
});

test.each([
  [
    "ends with a code",
    answering("if (line === 2) process.exit(3); console.log(JSON.stringify({ merged: `a fox ${line}` }));"),
    /EG-4151 .*exit code 3 after [01] of 4/,
  ],
  ["is not there", undefined, /EG-4151 .*exit code (127|1) after 0 of 4/],
  [
    "answers too few",
    answering("if (line < 4) console.log(JSON.stringify({ merged: `a fox ${line}` }));"),
    /EG-4151 .*answered 3 lines, expected 4/,
  ],
  ["answers too many", answering('console.log(\'{"merged": "a fox here"}\\n{"merged": "x"}\');'), /EG-4151 .*answered more than 4 lines/],
  [
    "answers no JSON",
    answering("console.log(line === 3 ? 'fox' : '{\"merged\": \"a fox here\"}');"),
    /EG-4151 .*line 3 of its answers, for 3x\.jpg: no JSON/,
  ],
  [
    "answers something else",
    answering("console.log('{\"caption\": 1}');"),
    /EG-4151 .*line 1 of its answers, for 1x\.jpg: expected \{"merged": TEXT\}/,
  ],
  ["answers before it is asked and goes on", "console.log('x'); setInterval(() => {}, 1000);", /EG-4151 .*line 1 of its answers/],
  [
    "loses the class",
    answering("console.log(JSON.stringify({ merged: line % 2 ? 'a fox here' : 'snow' }));"),
    /EG-4150 of 4 merged captions 2 without the class name/,
  ],
  ["merges nothing", answering("console.log(JSON.stringify({ merged: record.class_caption }));"), /EG-4150 of 4 merged captions 4 equal/],
])("a program that %s is refused with exit 4, and nothing is written", async (_, body, message) => {
  put("mine.json", Object.fromEntries([1, 2, 3, 4].map((i) => [`${i}x.jpg`, { target: 0, classname: "fox", synthetic_caption: "snow" }])));
  put("out.json", "before");
  const command = body === undefined ? "no-such-program-here" : program(body);
  const told = await merge(at("mine.json"), "--out", at("out.json"), "--template", "a {}", "--with", command, "--quiet");
  expect(told.failure).toMatch(message);
  expect(told.exit).toBe(4);
  expect(readFileSync(at("out.json"), "utf8")).toBe("before");
  expect(readdirSync(root).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("records that cannot be merged are refused: no synthetic caption at all, no class name, a target outside of the list", async () => {
  const refused = async (records: object): Promise<Captured> => {
    put("mine.json", records);
    return merge(at("mine.json"), "--out", at("out.json"), "--template", "a {}");
  };
  expect(await refused({ "1.jpg": { target: 0, classname: "fox" } })).toMatchObject({
    exit: 4,
    failure: expect.stringContaining("none of 1 records"),
  });
  expect(await refused({ "1.jpg": { target: 0, synthetic_caption: "x" } })).toMatchObject({
    exit: 4,
    failure: expect.stringContaining("1.jpg: no class name"),
  });
  put("names.json", ["fox"]);
  put("mine.json", { "1.jpg": { target: 1, synthetic_caption: "x" } });
  expect(await merge(at("mine.json"), "--out", at("out.json"), "--template", "a {}", "--classnames", at("names.json"))).toMatchObject({
    exit: 4,
    failure: expect.stringContaining("target 1"),
  });
  expect(existsSync(at("out.json"))).toBe(false);
});
