import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tarOf } from "../../../test/fixtures/data/tar.ts";
import { openSources, planSources } from "../open-sources.ts";
import { readSpan } from "../read-image.ts";
import { type DataSource, sizeOf } from "../source.ts";

let root = "";
const cacheBefore = process.env.EVERGREEN_CACHE;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "eg-fomo-"));
  process.env.EVERGREEN_CACHE = join(root, "cache");
});
afterEach(() => {
  if (cacheBefore === undefined) delete process.env.EVERGREEN_CACHE;
  else process.env.EVERGREEN_CACHE = cacheBefore;
  rmSync(root, { recursive: true, force: true });
});

function put(name: string, value: unknown): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), typeof value === "string" ? value : JSON.stringify(value));
}
/** DTD with three pictures, the classes not in the order of letters, and Flickr30k with one. */
function putTwoSets(): void {
  for (const name of ["a/1.jpg", "a/2.jpg", "b/3.jpg"]) put(`DTD/${name}`, `bytes of ${name}`);
  put("DTD_train.json", { "b/3.jpg": { target: 0, synthetic_merged_caption: "waves" }, "a/1.jpg": { target: 1 } });
  put("DTD_test.json", { "a/2.jpg": { target: 1 } });
  put("DTD_classnames.json", ["wavy", "braided"]);
  put("FLICKR30K/7.jpg", "bytes");
  put("00_info/FLICKR30K_test.json", { "7.jpg": { target: 0, default_caption: ["one", "two"] } });
}
const at = (source: DataSource | undefined) =>
  [...(source?.records("train") ?? []), ...(source?.records("test") ?? [])].map(({ image: _, ...rest }) => rest);

test("opens the sets that are there whole, by handle, with the registry's role, prompt, licence and year", async () => {
  putTwoSets();
  put("CUB200_classnames.json", ["half of a set"]);
  const [dtd, flickr, ...others] = await openSources(`fomo:${root}`, "/");
  expect(others).toEqual([]);
  expect(dtd).toMatchObject({
    name: "dtd",
    role: "adapt",
    task: "classification",
    templates: ["A photo of a {} texture."],
    licences: ["custom NC"],
  });
  expect(dtd?.classNames).toEqual(["wavy", "braided"]);
  expect(at(dtd)).toEqual([
    { id: "dtd/train/a/1.jpg", className: "braided", captions: ["A photo of a braided texture."], split: "train", year: 2014 },
    { id: "dtd/train/b/3.jpg", className: "wavy", captions: ["waves"], split: "train", year: 2014 },
    { id: "dtd/test/a/2.jpg", className: "braided", captions: ["A photo of a braided texture."], split: "test", year: 2014 },
  ]);
  expect(dtd?.concepts().map(({ id, stats }) => [id, stats.year])).toEqual([
    ["dtd/braided", 2014],
    ["dtd/wavy", 2014],
  ]);
  expect(flickr).toMatchObject({ name: "flickr30k", role: "eval", task: "retrieval", classNames: [] });
  expect(flickr?.records("test").map(({ captions }) => captions)).toEqual([["one", "two"]]);
  expect(flickr?.concepts()).toEqual([]);
});

test("a tar gives the same samples as the folder, each picture's bytes, and the names of what it lacks", async () => {
  putTwoSets();
  const [folder] = await openSources({ name: "fomo", path: root, sets: ["dtd"] }, "/");
  const tar = await tarOf(["a/1.jpg", "a/2.jpg", "b/3.jpg"].map((name) => [`DTD/${name}`, `bytes of ${name}`] as const));
  rmSync(join(root, "DTD"), { recursive: true });
  writeFileSync(join(root, "DTD.tar"), tar);
  const [archive] = await openSources({ name: "fomo", path: root, sets: ["dtd"] }, "/");
  expect(at(archive)).toEqual(at(folder));
  const bytes = (archive?.records("train") ?? []).map(({ image }) =>
    image.kind === "slice" ? Buffer.from(readSpan(image.path, image.offset, image.bytes)).toString() : image.kind,
  );
  expect(bytes).toEqual(["bytes of a/1.jpg", "bytes of b/3.jpg"]);
  put("DTD_test.json", { "a/2.jpg": { target: 1 }, "c/4.jpg": { target: 1 } });
  const [lacking] = await openSources({ name: "fomo", path: root, sets: ["dtd"] }, "/");
  expect(lacking?.leftOut).toEqual([
    { item: `${join(root, "DTD.tar")}: DTD/c/4.jpg`, reason: "named by the info file and not in the archive" },
  ]);
});

test("a role may be asked for, and a set by its folder's name", async () => {
  putTwoSets();
  const names = async (spec: Parameters<typeof openSources>[0]): Promise<string[]> =>
    (await openSources(spec, "/")).map(({ name }) => name);
  expect(await names(`fomo:${root}?role=eval`)).toEqual(["flickr30k"]);
  expect(await names(`fomo:${root}?sets=dtd,flickr30k`)).toEqual(["dtd", "flickr30k"]);
  expect(await names(`fomo:${root}?sets=dtd,flickr30k&role=eval`)).toEqual(["flickr30k"]);
  expect(await names({ name: "fomo", path: root, role: "adapt" })).toEqual(["dtd"]);
  expect(await names({ name: "fomo", path: root, sets: ["FLICKR30K", "flickr30k"] })).toEqual(["flickr30k"]);
});

test("the resized copy is read where its info files and pictures are both there, unless the originals are asked for", async () => {
  put("BIRDSNAP/x.jpg", "whole");
  put("BIRDSNAP_classnames.json", ["owl"]);
  for (const part of ["train", "test"]) {
    put(`BIRDSNAP/BIRDSNAP_${part}_224/x.jpg`, "small");
    put(`BIRDSNAP_${part}.json`, { "x.jpg": { target: 0 } });
    put(`BIRDSNAP_${part}_224.json`, { [`BIRDSNAP_${part}_224/x.jpg`]: { target: 0 } });
  }
  const read = async (given: object = {}): Promise<string> => {
    const [image] = (await openSources({ name: "fomo", path: root, ...given }, "/")).flatMap((set) =>
      set.records("test").map((row) => row.image),
    );
    return image?.kind === "file" ? readFileSync(image.path, "utf8") : "no file";
  };
  expect([await read(), await read({ resized: false })]).toEqual(["small", "whole"]);
  rmSync(join(root, "BIRDSNAP/BIRDSNAP_test_224"), { recursive: true });
  expect(await read()).toBe("whole");
  put("BIRDSNAP/BIRDSNAP_test_224/x.jpg", "small");
  rmSync(join(root, "BIRDSNAP/x.jpg"));
  expect(await read({ resized: false })).toBe("small");
});

test("pictures that nobody describes are left out by name", async () => {
  put("FLICKR30K/7.jpg", "bytes");
  put("FLICKR30K_test.json", { "7.jpg": { target: 0, default_caption: "x" }, "8.jpg": { target: 1 } });
  const [flickr] = await openSources(`fomo:${root}`, "/");
  expect(flickr?.leftOut).toEqual([{ item: `${join(root, "FLICKR30K_test.json")}: 8.jpg`, reason: "neither a caption nor a class" }]);
});

test("a set that is not there whole is refused with what it lacks and how to obtain it; so is a root without any", async () => {
  await expect(openSources({ name: "fomo", path: root, sets: ["mnist"] }, "/")).rejects.toMatchObject({
    message: `${root}: mnist lacks MNIST/, MNIST_test.json, MNIST_classnames.json`,
    fix: "torchvision's MNIST fetches it.",
  });
  await expect(openSources(`fomo:${root}`, "/")).rejects.toThrow(/none of the registered data sets/);
});

test("a role among the sets asks for all of it: many that are missing are told by number, the first three by what they lack", async () => {
  putTwoSets();
  await expect(openSources(`fomo:${root}?sets=adapt`, "/")).rejects.toMatchObject({
    message: expect.stringMatching(/40 of 41 data sets are not there whole: ai2diagrams lacks AI2DIAGRAMS\/, .*; and 37 more$/) as string,
    fix: expect.stringContaining(`evergreen data status --root ${root}`) as string,
  });
});

test("a plan counts what is not there by the registry, and opens what is", async () => {
  putTwoSets();
  const counted = async (spec: string): Promise<readonly unknown[]> =>
    (await planSources(spec, "/")).map((set) => [set.name, set.unopened !== undefined, sizeOf(set, "train")]);
  expect((await counted(`fomo:${root}?sets=adapt`)).slice(0, 1)).toEqual([["ai2diagrams", true, 2720]]);
  expect(await counted(`fomo:${root}?sets=dtd,cub200`)).toEqual([
    ["cub200", true, 5994],
    ["dtd", false, 2],
  ]);
  // What is asked for is what is there; where nothing is, all.
  expect((await counted(`fomo:${root}`)).map((row) => (row as string[])[0])).toEqual(["dtd", "flickr30k"]);
  expect((await counted(`fomo:${join(root, "none")}`)).length).toBe(63);
});

test("without a path the root is EVERGREEN_DATA", async () => {
  putTwoSets();
  const before = process.env.EVERGREEN_DATA;
  process.env.EVERGREEN_DATA = root;
  try {
    expect((await openSources("fomo", "/elsewhere")).map(({ name }) => name)).toEqual(["dtd", "flickr30k"]);
    expect((await openSources("fomo:dtd", "/elsewhere")).map(({ name }) => name)).toEqual(["dtd"]);
  } finally {
    if (before === undefined) delete process.env.EVERGREEN_DATA;
    else process.env.EVERGREEN_DATA = before;
  }
});
