import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { tarOf } from "../../test/fixtures/data/tar.ts";
import { openSources } from "./open-sources.ts";
import { type PreloadData, preload, preloadedFiles } from "./preload.ts";

const root = mkdtempSync(join(tmpdir(), "eg-preload-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const files = [
  "photos/train/cat/1.jpg",
  "photos/train/dog/2.jpg",
  "photos/test/cat/3.jpg",
  "photos/beside.txt",
  "other/train/cat/4.jpg",
  "other/test/cat/5.jpg",
  "pool.tar",
];
let data: PreloadData;
beforeAll(async () => {
  for (const name of files) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), name.repeat(20));
  }
  writeFileSync(
    join(root, "pool.tar"),
    await tarOf(["a", "b"].flatMap((key) => [[`${key}.jpg`, "picture"] as const, [`${key}.txt`, key] as const])),
  );
  const streamed = await openSources(join(root, "photos"), "/");
  const trained = new Set(streamed.flatMap((set) => set.concepts()).flatMap(({ name, samples }) => (name === "dog" ? [] : samples)));
  const pretraining = await openSources(`wds:${join(root, "pool.tar")}`, "/");
  data = { streamed, trained, pretraining, evaluated: [...streamed, ...(await openSources(join(root, "other"), "/"))] };
});

/** Long before they were written, which a file system that notes reads notes at the next one. */
const before = new Date(2001, 1, 1);
beforeEach(() => {
  for (const name of files) utimesSync(join(root, name), before, statSync(join(root, name)).mtime);
});
const touched = (): readonly string[] => files.filter((name) => statSync(join(root, name)).atimeMs !== before.getTime());
/** Some file systems note no reads. */
const notesReads = (): boolean => {
  readFileSync(join(root, "photos/beside.txt"));
  return touched().length > 0;
};

const below = (paths: readonly string[]): readonly string[] => paths.map((path) => path.slice(root.length + 1));
const expected = {
  test: ["photos/test/cat/3.jpg", "other/test/cat/5.jpg"],
  all: ["photos/train/cat/1.jpg", "pool.tar", "photos/test/cat/3.jpg", "other/test/cat/5.jpg"],
};

test.each(["test", "all"] as const)(
  "%s names each file of its records once, in order; of a streamed set those that are trained on",
  (mode) => {
    expect(below(preloadedFiles(mode, data))).toEqual(expected[mode]);
  },
);

test.each(["test", "all"] as const)("%s reads these files whole and no others", async (mode) => {
  const paths = preloadedFiles(mode, data);
  const told: (readonly [number, number])[] = [];
  const size = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  const done = await preload(paths, { free: size, progress: (...at) => told.push(at) });
  expect(done).toEqual({ files: paths.length, bytes: size });
  expect(told.map(([, total]) => total)).toEqual(paths.map(() => size));
  expect(told.at(-1)).toEqual([size, size]);
  const read = touched();
  if (notesReads()) expect(read).toEqual(files.filter((name) => expected[mode].includes(name)));
});

test("files that are larger than what is free are not read", async () => {
  const paths = preloadedFiles("all", data);
  const size = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  expect(await preload(paths, { free: size - 1 })).toEqual({
    files: 0,
    bytes: 0,
    skipped: expect.stringMatching(/^the files have .* of memory are free$/),
  });
  expect(touched()).toEqual([]);
  expect((await preload(paths, { free: -1 })).skipped).toContain("and 0 B of memory");
});

test("a stop ends it between pieces, and a file that is gone is passed over", async () => {
  const [first = "", ...rest] = preloadedFiles("all", data);
  let asked = 0;
  expect(await preload([first, ...rest], { free: 1e9, stopRequested: () => ++asked > 1 })).toMatchObject({ files: 1 });
  expect(await preload([join(root, "gone.jpg"), first], { free: 1e9 })).toEqual({ files: 1, bytes: statSync(first).size });
  expect(await preload([], { free: 0 })).toEqual({ files: 0, bytes: 0 });
});
