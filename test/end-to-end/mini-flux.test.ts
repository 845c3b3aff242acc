import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { heldOutFamily, heldOutStyles } from "../../src/data/mini-flux/drawings.ts";
import { ensureMiniFlux, type MiniFlux } from "../../src/data/mini-flux/ensure.ts";
import { planSets } from "../../src/data/mini-flux/families.ts";
import { fetchPackages } from "../../src/data/mini-flux/fetch.ts";
import { miniFluxLicences } from "../../src/data/mini-flux/licences.ts";
import { openPackages, type Packages } from "../../src/data/mini-flux/packages.ts";
import { pictureBytes, side } from "../../src/data/mini-flux/planned.ts";
import { picturesPath, readManifest, readSet, type StoredSet, storedManifest, storedSet } from "../../src/data/mini-flux/stored.ts";
import definition from "../../src/data/sources/mini-flux.ts";

let made: MiniFlux;
let packages: Packages;
let sets: readonly StoredSet[];

// Fetches about 60 MB and draws 20,800 pictures where the cache does not have them yet.
beforeAll(async () => {
  made = await ensureMiniFlux();
  packages = openPackages(await fetchPackages({ folder: join(made.folder, ".."), env: process.env, progress: () => undefined }));
  sets = readManifest(made.folder).sets.map(({ name }) => readSet(made.folder, name));
}, 600_000);

test("sets, roles, counts and metadata are the recorded ones", () => {
  const golden = JSON.parse(readFileSync(new URL("../golden/mini-flux.json", import.meta.url), "utf8")) as unknown;
  expect(readManifest(made.folder)).toEqual(golden);
  expect(made.digest).toBe(readManifest(made.folder).digest);
});

test("planning again from the packages gives the same metadata", async () => {
  expect(storedManifest((await planSets(packages)).map(storedSet)).digest).toBe(made.digest);
});

test("a second call finds the data at once", async () => {
  const again = await ensureMiniFlux();
  expect(again).toMatchObject({ folder: made.folder, built: false });
  expect(again.seconds).toBeLessThan(1);
});

test("every class of an adaptation set has something to train on and something to be tested with", () => {
  const lacking = sets
    .filter(({ role }) => role === "adapt")
    .flatMap(({ name, classNames, classes, records }) =>
      classNames.flatMap((className) =>
        (["train", "test"] as const)
          .filter((split) => !records.some((record) => record.split === split && classes[record.class] === className))
          .map((split) => `${name}: ${className}: ${split}`),
      ),
    );
  expect(lacking).toEqual([]);
});

test("evaluation sets are never trained on, pools never tested on", () => {
  for (const { name, role, records } of sets) {
    if (role === "eval")
      expect(
        records.every(({ split }) => split === "test"),
        name,
      ).toBe(true);
    if (role === "pool")
      expect(
        records.every(({ split }) => split === "train"),
        name,
      ).toBe(true);
  }
});

test("texts that must tell pictures apart are all different: retrieval and avatars", () => {
  for (const name of ["retrieval-flat", "avatars"]) {
    const captions = sets.find((set) => set.name === name)?.records.map((record) => record.captions[0]) ?? [];
    expect(captions.length).toBeGreaterThan(600);
    expect(new Set(captions).size).toBe(captions.length);
  }
});

test("no file of the held-out family is in a pool or an adaptation set", () => {
  const packageOf = (file: string): string => file.split(/[/#]/).slice(0, 2).join("/");
  const styles = heldOutStyles(packages);
  const heldOut = new Set(Object.values(styles).map((style) => style.source));
  expect(Object.values(styles).every((style) => style.family === heldOutFamily)).toBe(true);
  const evaluated = sets.filter((set) => set.role === "eval" && set.name !== "mnist").flatMap(({ records }) => records);
  expect(new Set(evaluated.map(({ source }) => source))).toEqual(heldOut);
  const files = new Set(evaluated.map(({ file }) => packageOf(file)));
  const trained = sets.filter((set) => set.role !== "eval").flatMap(({ records }) => records);
  expect(trained.filter(({ source, file }) => heldOut.has(source) || /fluent/.test(file) || files.has(packageOf(file)))).toEqual([]);
});

test("the search for near duplicates finds a picture in itself and in its brighter copy, not in its mirror image", () => {
  const picture = Uint8Array.from({ length: pictureBytes }, (_, i) => (Math.floor(i / 3) % side) * 2);
  const [one, brighter, mirrored] = [picture, picture.map((value) => value + 60), picture.map((value) => 126 - value)].map((pixels) =>
    signed("", pixels),
  );
  expect([correlates(one!, one!, 0.95), correlates(one!, brighter!, 0.95), correlates(one!, mirrored!, 0.95)]).toEqual([true, true, false]);
});

test("no held-out picture is a near duplicate of any picture of a pool or an adaptation set", () => {
  const named = (set: StoredSet): Signed[] => signaturesOf(made.folder, set);
  const heldOut = sets.filter((set) => set.role === "eval" && set.name !== "mnist").flatMap(named);
  const trained = sets.filter((set) => set.role !== "eval" && !/glyphs|dsprites|shapes3d/.test(set.name)).flatMap(named);
  const near = heldOut.flatMap((one) => {
    const other = trained.find((two) => correlates(one, two, 0.95));
    return other ? [`${one.name} ~ ${other.name}`] : [];
  });
  expect(near).toEqual([]);
  expect(heldOut.length * trained.length).toBeGreaterThan(15_000_000);
});

test("every picture has a licence and an author", () => {
  const uses = miniFluxLicences(made.folder);
  expect(uses.reduce((sum, { pictures }) => sum + pictures, 0)).toBe(sets.reduce((sum, { records }) => sum + records.length, 0));
  for (const { source, author, licence, sets: within } of uses) {
    expect(
      [author, licence].every((text) => text.length > 2),
      source,
    ).toBe(true);
    expect(within.length, source).toBeGreaterThan(0);
  }
});

test("the source opens the cache by its name alone", async () => {
  const opened = await definition.open({ sets: ["emoji-2018", "retrieval-flat"] });
  expect(opened.map(({ name, task, role }) => [name, task, role])).toEqual([
    ["emoji-2018", "classification", "adapt"],
    ["retrieval-flat", "retrieval", "eval"],
  ]);
  expect(opened[0]?.records("test").every(({ id }) => id.startsWith("emoji-2018/noto/"))).toBe(true);
  expect(opened[0]?.concepts()).toHaveLength(58);
});

interface Signed {
  readonly name: string;
  /** Grey means of 16 x 16 cells, centred and of unit length, so that a dot product is a correlation. */
  readonly fine: Float64Array;
  /** Its part in the space of 4 x 4 block means, and the length of what is left. */
  readonly coarse: Float64Array;
  readonly rest: number;
}

function signaturesOf(folder: string, set: StoredSet): Signed[] {
  const pixels = readFileSync(picturesPath(folder, set.name));
  return set.records.map(({ file }, i) => signed(`${set.name} ${file}`, pixels.subarray(i * pictureBytes, (i + 1) * pictureBytes)));
}

function signed(name: string, picture: Uint8Array): Signed {
  const cells = new Float64Array(256);
  for (let i = 0; i < side * side; i++) {
    const cell = Math.floor(i / side / 4) * 16 + Math.floor((i % side) / 4);
    cells[cell] = cells[cell]! + 0.299 * picture[i * 3]! + 0.587 * picture[i * 3 + 1]! + 0.114 * picture[i * 3 + 2]!;
  }
  const mean = cells.reduce((sum, value) => sum + value, 0) / 256;
  const centred = cells.map((value) => value - mean);
  const length = Math.sqrt(dot(centred, centred)) || 1;
  const fine = centred.map((value) => value / length);
  const coarse = new Float64Array(16);
  for (let i = 0; i < 256; i++) {
    const block = Math.floor(i / 64) * 4 + Math.floor((i % 16) / 4);
    coarse[block] = coarse[block]! + fine[i]! / 4;
  }
  return { name, fine, coarse, rest: Math.sqrt(Math.max(0, 1 - dot(coarse, coarse))) };
}

/** Whether two pictures correlate by more than `least`. Cauchy and Schwarz spare the full product of most pairs. */
function correlates(a: Signed, b: Signed, least: number): boolean {
  return dot(a.coarse, b.coarse) + a.rest * b.rest > least && dot(a.fine, b.fine) > least;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
