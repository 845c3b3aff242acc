import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { type ContaminationReport, captionWords, findContamination } from "./contamination.ts";

const folder = mkdtempSync(join(tmpdir(), "contamination-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A drawing that no mirror leaves as it is, another for each number. */
function drawing(number: number): Sharp {
  const at = (k: number): number => (number * 37 + k * 53) % 80;
  return sharp(
    Buffer.from(
      `<svg width="96" height="96"><rect width="96" height="96" fill="hsl(${number * 40},60%,85%)"/><circle cx="${12 + at(1)}" cy="${10 + at(2)}" r="${14 + (number % 5) * 3}" fill="hsl(${number * 70},80%,40%)"/><path d="M${at(3)} ${at(4)} L${20 + at(5)} ${at(6)} L${at(7)} 90 Z" fill="hsl(${number * 110},70%,25%)"/></svg>`,
    ),
  ).removeAlpha();
}

const write = async (name: string, image: Sharp): Promise<string> => {
  const path = join(folder, name);
  writeFileSync(path, await image.toBuffer());
  return path;
};
const record = (id: string, split: SampleRecord["split"], path: string, captions = [id]): SampleRecord => ({
  id,
  captions,
  split,
  image: { kind: "file", path },
});
function source(name: string, task: DataSource["task"], records: readonly SampleRecord[]): DataSource {
  return {
    ...{ name, task, role: "eval", fingerprint: "f", classNames: [], templates: [], licences: [] },
    records: (split) => records.filter((each) => each.split === split),
    concepts: () => [],
  };
}

const items = 12;
let report: ContaminationReport;
beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  const originals = await Promise.all(Array.from({ length: items }, (_, i) => drawing(i).png().toBuffer()));
  const tested = await Promise.all(
    originals.map(async (bytes, i) => record(`t/${i}`, "test", await write(`t${i}.png`, sharp(bytes).png()))),
  );
  const copy = (i: number): Sharp => sharp(originals[i]);
  const planted = [
    record("p/exact", "train", tested[0]?.image.kind === "file" ? tested[0].image.path : ""),
    record("p/lossless", "train", await write("lossless.webp", copy(1).webp({ lossless: true }))),
    record("p/jpeg", "train", await write("jpeg.jpg", copy(2).jpeg({ quality: 40 }))),
    record("p/smaller", "train", await write("smaller.png", copy(3).resize(61, 61).png())),
    record("p/larger", "train", await write("larger.jpg", copy(4).resize(250, 250).jpeg({ quality: 80 }))),
    record("p/mirrored", "train", await write("mirrored.png", copy(5).flop().png())),
    record("p/broken", "train", await write("broken.png", copy(6).png())),
    ...(await Promise.all(
      Array.from({ length: 30 }, async (_, i) => record(`p/other-${i}`, "train", await write(`other${i}.png`, drawing(100 + i).png()))),
    )),
  ];
  writeFileSync(join(folder, "broken.png"), "no picture");
  const again = [record("q/exact", "train", join(folder, "t0.png")), record("q/exact-again", "train", join(folder, "t0.png"))];
  report = await findContamination(
    [source("t", "classification", tested)],
    [source("p", "caption", planted), source("q", "caption", again)],
  );
});

describe("planted copies", () => {
  test("exact, re-encoded and resized ones are found, each by its kind; a mirrored one and other drawings are not", () => {
    expect(report.found.map(({ item, kind, pool, sample }) => [item, kind, pool, sample])).toEqual([
      ["t/0", "bytes", "p", "p/exact"],
      ["t/0", "bytes", "q", "q/exact"],
      ["t/1", "pixels", "p", "p/lossless"],
      ["t/2", "near", "p", "p/jpeg"],
      ["t/3", "near", "p", "p/smaller"],
      ["t/4", "near", "p", "p/larger"],
    ]);
  });
  test("what cannot be read is named, and everything is counted", () => {
    expect(report).toMatchObject({ tested: 12, trained: 39, unreadable: ["p/broken"] });
  });
});

describe("captions", () => {
  const path = (): string => join(folder, "t7.png");
  const other = (): string => join(folder, "other1.png");
  const train = () =>
    source("p", "caption", [
      record("p/a", "train", other(), ["A red bus, on a road."]),
      record("p/b", "train", other(), ["one", "Two dogs"]),
    ]);
  test("of the same words in any order and case are found for image-text pairs, and not for classes", async () => {
    const records = [
      record("t/1", "test", path(), ["on a road: a RED bus"]),
      record("t/2", "test", path(), ["a red car on a road"]),
      record("t/3", "test", path(), ["x", "two  dogs!"]),
    ];
    const found = await findContamination([source("t", "retrieval", records)], [train()]);
    expect(found.found).toEqual([
      { set: "t", item: "t/1", kind: "caption", pool: "p", sample: "p/a" },
      { set: "t", item: "t/3", kind: "caption", pool: "p", sample: "p/b" },
    ]);
    expect((await findContamination([source("t", "classification", records)], [train()])).found).toEqual([]);
  });
  test("words are letters and digits, in compatible forms; no words are no caption", () => {
    expect(captionWords("Ｃａｆé №1, café!")).toBe("café no1");
    expect(captionWords("—!")).toBe("");
  });
});
