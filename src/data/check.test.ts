import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { type CheckOptions, checkData, type DataCheck } from "./check.ts";
import { openSources } from "./open-sources.ts";

let folder = "";
const jpeg = (level: number): Promise<Buffer> =>
  sharp(Buffer.alloc(300, level), { raw: { width: 10, height: 10, channels: 3 } })
    .jpeg()
    .toBuffer();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "check-"));
  const write = (split: string, name: string, bytes: string | Uint8Array): void => {
    mkdirSync(join(folder, split, "cat"), { recursive: true });
    writeFileSync(join(folder, split, "cat", name), bytes);
  };
  write("train", "a.jpg", await jpeg(10));
  write("train", "b.jpg", await jpeg(20));
  write("train", "b-again.jpg", await jpeg(20));
  write("test", "a-leaked.jpg", await jpeg(10));
  write("train", "c.png", await jpeg(30));
  write("train", "text.jpg", "not a picture");
  write("train", "drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>");
  write("train", "drawing-as.png", "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>");
  write("train", "cut.jpg", (await jpeg(40)).subarray(0, 200));
  write("train", "empty.jpg", "");
  write("train", "a.txt", `one two three\n${"word ".repeat(90)}`);
});

async function check(options: CheckOptions = {}): Promise<DataCheck> {
  const [source] = await openSources(folder, "/");
  if (!source) throw new Error("nothing opened");
  return checkData(source, options);
}

test("counts what can be read and names what cannot, with the reason", async () => {
  const found = await check();
  expect([found.train, found.test, found.classes, found.readable]).toEqual([9, 1, 1, 5]);
  const reasons = Object.fromEntries(
    found.unreadable.map(({ id, reason }) => [id.split("/").at(-1), reason.replace(/^.*?(jpg|png|svg): /, "")]),
  );
  expect(Object.keys(reasons).sort()).toEqual(["cut.jpg", "drawing-as.png", "drawing.svg", "empty.jpg", "text.jpg"]);
  expect(reasons["drawing.svg"]).toMatch(/got SVG/);
  expect(reasons["drawing-as.png"]).toMatch(/got SVG/);
  expect(reasons["empty.jpg"]).toMatch(/an empty file/);
  expect(reasons["text.jpg"]).toMatch(/begins with 6e6f7420/);
  expect(reasons["cut.jpg"]).toMatch(/broken jpeg/);
});

test("finds equal bytes, and those that leak from training into testing", async () => {
  const found = await check();
  expect(found.duplicates.map((group) => group.map((id) => id.split("/").at(-1)).sort())).toEqual([
    ["a-leaked.jpg", "a.jpg"],
    ["b-again.jpg", "b.jpg"],
  ]);
  expect(found.leaks).toBe(1);
});

test("names files whose ending promises another format", async () => {
  expect((await check()).misnamed.map(({ id, is }) => [id.split("/").at(-1), is])).toEqual([["c.png", "jpeg"]]);
});

test("lists captions over the limit by the tokenizer it is given", async () => {
  const found = await check({ countTokens: (text) => text.trim().split(/\s+/).length + 2 });
  expect(found.longCaptions.map(({ id, tokens }) => [id.split("/").at(-1), tokens])).toEqual([["a.jpg", 92]]);
});
