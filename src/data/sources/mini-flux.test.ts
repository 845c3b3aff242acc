import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom } from "../../util/random.ts";
import { buildSets } from "../mini-flux/build.ts";
import { dspritesFamily } from "../mini-flux/families/dsprites.ts";
import { creditLines, miniFluxLicences } from "../mini-flux/licences.ts";
import { openPackages } from "../mini-flux/packages.ts";
import { type PlannedSet, pictureBytes } from "../mini-flux/planned.ts";
import { readManifest, readSet, storedManifest, storedSet } from "../mini-flux/stored.ts";
import { miniFluxVocabulary } from "../mini-flux/vocabulary.ts";
import type { DataSource } from "../source.ts";
import definition from "./mini-flux.ts";

let folder = "";
let planned: PlannedSet;
let source: DataSource;
const open = async (path: string, sets?: string[]): Promise<readonly DataSource[]> => definition.open(sets ? { path, sets } : { path });

/** Every tenth picture of the one family that needs no package, under the name the pool has. */
async function smallSet(): Promise<PlannedSet> {
  const [set] = await dspritesFamily(openPackages("unused"), createRandom(0));
  if (!set) throw new Error("no set");
  const records = set.records.filter((_, i) => i % 10 === 0 || i % 40 === 35);
  return { ...set, records: records.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mini-flux-"));
  planned = await smallSet();
  await buildSets({ sets: [planned, { ...planned, name: "pool-emoji", role: "pool" }], folder, progress: () => undefined });
  const [opened] = await open(folder, ["dsprites"]);
  if (!opened) throw new Error("nothing opened");
  source = opened;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a record's place in the file holds its picture", async () => {
  const { image, id, captions, className, year } = source.records("test")[3] ?? source.records("train")[0] ?? expect.unreachable();
  if (image.kind !== "raw") expect.unreachable();
  const record = planned.records.find(({ key }) => `dsprites/${key}` === id);
  const bytes = readFileSync(image.path).subarray(image.offset, image.offset + pictureBytes);
  expect(Buffer.from((await record?.paint()) ?? []).equals(bytes)).toBe(true);
  expect({ className, captions, year }).toEqual({ className: record?.className, captions: record?.captions, year: 2017 });
  expect([image.width, image.height]).toEqual([64, 64]);
});

test("splits share nothing and hold everything, sorted by id", () => {
  const [train, test] = [source.records("train"), source.records("test")].map((records) => records.map(({ id }) => id));
  expect(train).toEqual([...(train ?? [])].sort());
  expect(new Set([...(train ?? []), ...(test ?? [])]).size).toBe(planned.records.length);
  expect(train?.length).toBe(27 * 3);
});

test("a concept is a class with its training samples and its year", () => {
  const concepts = source.concepts();
  expect(concepts.map(({ name }) => name)).toEqual(source.classNames);
  const heart = concepts.find(({ name }) => name === "heart located in the center");
  expect(heart?.id).toBe("dsprites/heart located in the center");
  expect(heart?.samples).toHaveLength(3);
  expect(heart?.stats).toEqual({ year: 2017 });
});

test("facts of the set come through", () => {
  expect(source).toMatchObject({ name: "dsprites", task: "classification", role: "adapt", templates: planned.templates });
  expect(source.licences).toEqual([
    "white shapes after dSprites by the Evergreen project, Apache-2.0, computed; after the dSprites data set of DeepMind",
  ]);
});

test("a set that is not there is refused with the nearest name", async () => {
  await expect(open(folder, ["dsprite"])).rejects.toMatchObject({ code: "EG-4130", fix: 'did you mean "dsprites"?' });
});

test("a folder without data says how to make it", async () => {
  await expect(open(join(folder, "nothing"))).rejects.toThrow("no built data at");
});

test("a picture file that was cut is refused by its size", async () => {
  const copy = mkdtempSync(join(tmpdir(), "mini-flux-"));
  try {
    await buildSets({ sets: [planned], folder: copy, progress: () => undefined });
    truncateSync(join(copy, "sets", "dsprites.u8"), 100);
    await expect(open(copy)).rejects.toThrow(/dsprites\.u8 has 100 bytes, expected \d+/);
    writeFileSync(join(copy, "manifest.json"), '{"format": "evergreen-mini-flux/2"}');
    await expect(open(copy)).rejects.toThrow("manifest.json");
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test("a set is read once as long as its files are what they were", async () => {
  const copy = mkdtempSync(join(tmpdir(), "mini-flux-"));
  try {
    await buildSets({ sets: [planned], folder: copy, progress: () => undefined });
    const first = await open(copy);
    expect((await open(copy)).map((set, i) => set === first[i])).toEqual(first.map(() => true));
    const index = join(copy, "sets", "dsprites.json");
    writeFileSync(index, readFileSync(index, "utf8").replace(/"templates":\s*\["[^"]*"/, '"templates":["an image of {}"'));
    expect((await open(copy))[0]?.templates[0]).toBe("an image of {}");
    truncateSync(join(copy, "sets", "dsprites.u8"), 100);
    await expect(open(copy)).rejects.toThrow(/dsprites\.u8 has 100 bytes/);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test("built data is recognised by name and by what lies in the folder", () => {
  expect([definition.recognises("mini-flux"), definition.recognises(folder), definition.recognises(tmpdir())]).toEqual([true, true, false]);
});

test("the digest covers captions and order of records, and comes out of the plan alone", () => {
  const digestOf = (set: PlannedSet): string => storedManifest([storedSet(set)]).digest;
  expect(readManifest(folder).sets.find(({ name }) => name === "dsprites")?.digest).toBe(
    storedManifest([storedSet(planned)]).sets[0]?.digest,
  );
  const [first, ...rest] = planned.records;
  if (!first) expect.unreachable();
  expect(digestOf({ ...planned, records: [{ ...first, captions: ["other"] }, ...rest] })).not.toBe(digestOf(planned));
  expect(digestOf({ ...planned, records: [...rest, first] })).not.toBe(digestOf(planned));
});

test("the vocabulary is what captions and filled templates need, ascending and once each", () => {
  const words = new Map<string, number>();
  const tokenize = (text: string): number[] =>
    text.split(" ").map((word) => words.get(word) ?? words.set(word, 1000 - words.size).get(word) ?? 0);
  const ids = miniFluxVocabulary(folder, tokenize);
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  expect(ids).toHaveLength(words.size);
  expect([...words.keys()]).toEqual(expect.arrayContaining(["white", "heart", "top", "medium"]));
});

test("licences count their pictures, and a picture's credit names its maker", () => {
  expect(miniFluxLicences(folder)).toMatchObject([
    { source: "dsprites", pictures: 2 * planned.records.length, sets: ["dsprites", "pool-emoji"] },
  ]);
  const id = source.records("train")[0]?.id ?? "";
  expect([...creditLines(readSet(folder, source.name), [id, "other/x"])]).toEqual([[id, source.licences[0]]]);
});
