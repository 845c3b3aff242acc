import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tarOf } from "../../test/fixtures/data/tar.ts";
import { expandBraces } from "./brace-list.ts";
import { cachedIndex } from "./index-cache.ts";
import { openSources } from "./open-sources.ts";
import { ParquetFile } from "./parquet-file.ts";
import type { DataSource } from "./source.ts";

const root = mkdtempSync(join(tmpdir(), "open-"));
const cacheBefore = process.env.EVERGREEN_CACHE;
process.env.EVERGREEN_CACHE = join(root, "cache");
afterAll(() => {
  if (cacheBefore === undefined) delete process.env.EVERGREEN_CACHE;
  else process.env.EVERGREEN_CACHE = cacheBefore;
});

function write(name: string, text: string | Uint8Array): string {
  const path = join(root, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function one(spec: Parameters<typeof openSources>[0]): Promise<DataSource> {
  const [source] = await openSources(spec, root);
  if (!source) throw new Error("no data set");
  return source;
}

test("a table's rows keep class, split, year and several captions, and validation stands for a missing test split", async () => {
  write(
    "a/items.jsonl",
    [
      { filepath: "1.jpg", captions: ["one", "uno"], class: "first", split: "train", year: 2019 },
      { filepath: "2.jpg", caption: "two", class: "second", split: "val", year: 2021 },
    ]
      .map((row) => JSON.stringify(row))
      .join("\r\n"),
  );
  const source = await one("a/items.jsonl");
  expect(source.records("train")).toEqual([
    {
      id: "items/1.jpg",
      className: "first",
      captions: ["one", "uno"],
      split: "train",
      year: 2019,
      image: { kind: "file", path: join(root, "a/1.jpg") },
    },
  ]);
  expect(source.records("test").map(({ id }) => id)).toEqual(["items/2.jpg"]);
  expect(source.concepts()).toEqual([
    { id: "items/first", dataset: "items", name: "first", samples: ["items/1.jpg"], stats: { year: 2019 } },
  ]);
});

test("an image with several rows gives a sample for each, whatever their order", async () => {
  const ids = async (name: string, rows: readonly string[]): Promise<readonly string[]> =>
    (await one({ name: "table", path: write(name, ["filepath,title", ...rows].join("\n")) }))
      .records("train")
      .map(({ id }) => id.replace(/^[^/]*/, ""));
  const rows = ["x.jpg,a cat", "x.jpg,my cat", "y.jpg,a dog"];
  const found = await ids("b.csv", rows);
  expect(new Set(found).size).toBe(3);
  expect(found).toContain("/y.jpg");
  expect(await ids("c.csv", [...rows].reverse())).toEqual(found);
});

test("rows that are no sample are left out with their line; addresses are not fetched", async () => {
  write("left.tsv", "filepath\ttitle\nx.jpg\t \nhttps://example.org/y.jpg\tfar\nz.jpg\tnear\n");
  const source = await one("left.tsv");
  expect(source.records("train").map(({ id }) => id)).toEqual(["left/z.jpg"]);
  expect(source.leftOut?.map(({ item, reason }) => `${item.split("/").at(-1)} ${reason}`)).toEqual([
    "left.tsv:2 neither a caption nor a class",
    "left.tsv:3 an address, not a file: https://example.org/y.jpg",
  ]);
});

test("a source by the name of what every object has is unknown", async () => {
  await expect(one({ name: "constructor", path: root })).rejects.toThrow(/^unknown source "constructor"/);
});

test("a table that cannot be understood says where and why", async () => {
  write("bad/none.csv", "a,b\n1,2\n");
  await expect(one("bad/none.csv")).rejects.toThrow(/none.csv:1: no column with image paths; .* got: a, b/);
  write("bad/wide.csv", "filepath,title\nx.jpg,a,b\n");
  await expect(one("bad/wide.csv")).rejects.toThrow(/wide.csv:2: expected 2 fields, got 3/);
  write("bad/broken.jsonl", '{"filepath": "x.jpg", "caption": "a"}\n{"filepath"\n');
  await expect(one("bad/broken.jsonl")).rejects.toThrow(/broken.jsonl:2: not JSON/);
  write("bad/split.csv", "filepath,title,split\nx.jpg,a,tset\n");
  await expect(one("bad/split.csv")).rejects.toThrow(/split.csv:2: expected the split train, val or test, got "tset"/);
  await expect(one({ name: "table", path: join(root, "bad/split.csv"), columns: { caption: "words" } })).rejects.toThrow(
    /no column "words"/,
  );
});

test("a folder takes classes from sub-folders, captions from text files, and keeps a stable share for testing", async () => {
  for (let i = 0; i < 40; i++) write(`birds/${i % 2 === 0 ? "blue_tit" : "owl"}/${i}.jpg`, "x");
  write("birds/owl/1.txt", "a sleepy owl\n\nan owl in a tree\n");
  const source = await one({ name: "folder", path: "birds", testShare: 0.25 });
  const all = [...source.records("train"), ...source.records("test")];
  expect(source.classNames).toEqual(["blue tit", "owl"]);
  expect(all.find(({ id }) => id === "birds/owl/1.jpg")?.captions).toEqual(["a sleepy owl", "an owl in a tree"]);
  expect(all.find(({ id }) => id === "birds/blue_tit/0.jpg")?.captions).toEqual(["a photo of a blue tit."]);
  const tested = source.records("test").map(({ id }) => id);
  expect(tested.length).toBeGreaterThan(3);
  expect(tested.length).toBeLessThan(20);
  write("birds/owl/99.jpg", "x");
  const grown = await one({ name: "folder", path: "birds", testShare: 0.25 });
  expect(
    grown
      .records("test")
      .map(({ id }) => id)
      .filter((id) => id !== "birds/owl/99.jpg"),
  ).toEqual(tested);
});

test("a picture without class and caption is an error that says what to do", async () => {
  const path = write("loose/a.jpg", "x");
  await expect(one("loose")).rejects.toThrow(`${path}: has neither a class nor a caption`);
});

test("an archive's index is kept by content, and made again where the kept one is torn", async () => {
  const members = { "1.jpg": "not read here", "1.txt": "a caption", "2.txt": "no image" };
  write("tars/0000.tar", await tarOf(Object.entries(members)));
  const first = await one("wds:tars/{0000..0000}.tar");
  const kept = join(root, "cache/indexes");
  expect(readdirSync(kept)).toHaveLength(1);
  for (const name of readdirSync(kept)) writeFileSync(join(kept, name), '{"format":"tar-index/1","sha256":"0"}\n[]');
  const again = await one("tars");
  expect(again.fingerprint).toBe(first.fingerprint);
  expect(again.records("train").map(({ id, captions }) => [id, captions])).toEqual([["tars/0000/1", ["a caption"]]]);
  expect(again.leftOut?.map(({ reason }) => reason)).toEqual(["no image"]);
});

test("what the cache holds is used, and a cache that cannot be written is done without", () => {
  const path = write("some.bin", "content");
  const env = { EVERGREEN_CACHE: join(root, "second") };
  expect(cachedIndex({ path, format: "x/1", env }, () => [1])).toEqual([1]);
  expect(cachedIndex({ path, format: "x/1", env }, () => [2])).toEqual([1]);
  expect(cachedIndex({ path, format: "x/2", env }, () => [3])).toEqual([3]);
  expect(cachedIndex({ path, format: "x/1", env: { EVERGREEN_CACHE: path } }, () => [4])).toEqual([4]);
});

test("braces list numbers with their zeros, words, and both together", () => {
  expect(expandBraces("/d/{008..011}.tar")).toEqual(["/d/008.tar", "/d/009.tar", "/d/010.tar", "/d/011.tar"]);
  expect(expandBraces("{a,b}-{0..1}")).toEqual(["a-0", "a-1", "b-0", "b-1"]);
  expect(() => expandBraces("{5..1}")).toThrow(/downwards/);
  expect(() => expandBraces("{0..99999999}")).toThrow(/more than 1000000 files/);
  expect(() => expandBraces("{0..1")).toThrow(/never closed/);
});

test("a path that leads nowhere, and one that no source knows, are told apart", async () => {
  await expect(one("no-such-folder")).rejects.toThrow(/no-such-folder: there is no such file or folder/);
  write("notes.txt", "words");
  await expect(one("notes.txt")).rejects.toThrow(/notes.txt: no source recognises what lies there/);
  await expect(one("wds:tars/{0000..0001}.tar")).rejects.toThrow(/0001.tar: there is no such file .*named by/);
});

test("a parquet file that is none, or whose footer lies, is refused by name", async () => {
  await expect(ParquetFile.open(write("p/text.parquet", "PAR1 but not at the end"))).rejects.toThrow(
    /text.parquet: expected a parquet file/,
  );
  const lying = Buffer.from("PAR1....____....PAR1");
  lying.writeUInt32LE(0xfffffff0, 12);
  await expect(ParquetFile.open(write("p/lying.parquet", lying))).rejects.toThrow(
    /lying.parquet: the footer claims 4294967280 bytes of 20/,
  );
  lying.writeUInt32LE(8, 12);
  await expect(ParquetFile.open(write("p/noise.parquet", lying))).rejects.toThrow(/noise.parquet/);
});

test("an option that a source does not take is refused by name", async () => {
  write("plain/items.tsv", ["filepath\ttitle", "1.jpg\tone"].join("\n"));
  await expect(one("table:./plain/items.tsv?sets=a")).rejects.toMatchObject({
    code: "EG-4101",
    message: 'source table: Unrecognized key: "sets"',
  });
});

test("a reference may carry a test share and a role; a path that exists with a question mark is a path", async () => {
  const rows = Array.from({ length: 200 }, (_, i) => `${i}.jpg\tcaption ${i}`);
  write("q/items.tsv", ["filepath\ttitle", ...rows].join("\n"));
  const source = await one("table:./q/items.tsv?test=0.25&role=eval");
  expect([source.name, source.role, source.records("test").length + source.records("train").length]).toEqual(["items", "eval", 200]);
  expect(Math.abs(source.records("test").length - 50)).toBeLessThan(25);
  expect((await one("q/items.tsv?test=1")).records("train")).toEqual([]);
  write("q?test=1/items.tsv", ["filepath\ttitle", ...rows].join("\n"));
  expect((await one("q?test=1/items.tsv")).records("test")).toEqual([]);
  for (const [query, message] of [
    ["tset=0.1", 'unknown option "tset"; known: test, role'],
    ["test=2", "test=2: expected a share from 0 to 1"],
    ["test=", "test=: expected a share from 0 to 1"],
    ["role=x", "role=x: expected one of adapt, eval, pool"],
  ] as const)
    await expect(openSources(`table:./q/items.tsv?${query}`, root), query).rejects.toThrow(message);
});
