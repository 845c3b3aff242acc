import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ownCache } from "../../../test/fixtures/data/own-cache.ts";
import { clevrScenesFile, put, trees } from "../../../test/fixtures/data/torchvision-trees.ts";
import { sha256 } from "../../util/hash.ts";
import { openSources } from "../open-sources.ts";
import { registeredSet } from "../registry.ts";
import type { DataSource } from "../source.ts";
import { clevrClasses } from "./clevr.ts";

const root = ownCache("eg-clevr-");
const scenes = "clevr/CLEVR_v1.0/scenes/CLEVR_train_scenes.json";

async function open(change: (folder: string) => void): Promise<DataSource> {
  const folder = mkdtempSync(join(root, "set-"));
  trees.clevr?.(folder);
  change(folder);
  const [set] = await openSources({ name: "torchvision", path: folder, sets: ["clevr"] }, "/");
  if (!set) throw new Error("no set");
  return set;
}
const namesOf = (set: DataSource) =>
  new Map([...set.records("train"), ...set.records("test")].map(({ id, className }) => [id.split("/").at(-1), className]));

test("classes are the published list, name by name in its order, whatever part of them is there", async () => {
  expect(clevrClasses.length).toBe(registeredSet("clevr").classes.list);
  expect(clevrClasses.slice(0, 3)).toEqual(["eight cubes, one cylinder, one sphere", "eight cylinders, two spheres", "five cubes"]);
  // SHA-256 of the names of the CLEVR_classnames.json that was published with the benchmark's code, joined by newlines.
  expect(sha256(clevrClasses.join("\n"))).toBe("9870efae158ea8b8547ba4108599c4e485cfdce320f6138481e2c8e54346bbe9");
  const set = await open(() => undefined);
  expect(set.classNames).toEqual(clevrClasses);
  expect(set).toMatchObject({ task: "classification", role: "adapt" });
  expect(set.records("test")[0]?.captions).toEqual(["A photo of synthetic shapes, with two cubes, four cylinders, four spheres."]);
  expect(set.concepts().length).toBe(3);
});

test("the published list in the root changes nothing", async () => {
  const [without, beside] = await Promise.all([
    open(() => undefined),
    open((at) => put(at, "00_info/CLEVR_classnames.json", JSON.stringify(clevrClasses))),
  ]);
  expect(beside.fingerprint).toBe(without.fingerprint);
});

const counts = fc
  .tuple(fc.nat(10), fc.nat(10), fc.nat(10))
  .filter(([cubes, cylinders, spheres]) => cubes + cylinders + spheres >= 3 && cubes + cylinders + spheres <= 10);

test("a fifth is for testing, and neither the order of scenes nor that of objects matters", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(counts, { minLength: 1, maxLength: 9 }), async (rows) => {
      const some = [[1, 1, 1] as const, ...rows];
      const text = clevrScenesFile("train", some);
      const set = await open((at) => put(at, scenes, text));
      const taken = set.records("train").length + set.records("test").length;
      expect(set.records("test").length).toBe(Math.ceil(taken / 5));
      const file = JSON.parse(text) as { readonly scenes: readonly { readonly objects: readonly unknown[] }[] };
      const turned = file.scenes.map((scene) => ({ ...scene, objects: [...scene.objects].reverse() })).reverse();
      const other = await open((at) => put(at, scenes, JSON.stringify({ scenes: turned })));
      expect([namesOf(other), other.fingerprint]).toEqual([namesOf(set), set.fingerprint]);
    }),
    { numRuns: 30 },
  );
});

test.each<readonly [what: string, change: (folder: string) => void, message: RegExp]>([
  ["missing scenes", (at) => rmSync(join(at, scenes)), /CLEVR_train_scenes\.json: there is no such file/],
  ["text that is not JSON", (at) => put(at, scenes, '{"scenes": [1 2]}'), /CLEVR_train_scenes\.json: not JSON \(.*position 14/],
  ["a file of questions", (at) => put(at, scenes, '{"questions": []}'), /CLEVR_train_scenes\.json: scenes: Invalid input/],
  [
    "a shape that CLEVR has not",
    (at) =>
      put(at, scenes, '{"scenes": [{"image_filename": "a.png", "objects": [{"shape": "cube"}, {"shape": "cube"}, {"shape": "cone"}]}]}'),
    /scenes → 0 → objects → 2 → shape: Invalid option/,
  ],
  ["too few objects", (at) => put(at, scenes, clevrScenesFile("train", [[1, 1, 0]])), /scenes → 0 → objects: Too small/],
  ["too many objects", (at) => put(at, scenes, clevrScenesFile("train", [[1, 1, 9]])), /scenes → 0 → objects: Too big/],
  [
    "a name that leads out of the folder",
    (at) => put(at, scenes, clevrScenesFile("train", [[1, 1, 1]]).replace("CLEVR_train_000000", "../../../secret")),
    /scenes → 0 → image_filename: expected the plain name of a file/,
  ],
  [
    "classes that the benchmark leaves out alone",
    (at) => put(at, scenes, clevrScenesFile("train", [[8, 0, 0]])),
    /clevr: no samples found/,
  ],
])("%s: refused by name and place", async (_, change, message) => {
  await expect(open(change)).rejects.toMatchObject({ exit: "data", message: expect.stringMatching(message) as string });
});
