import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { writeClipBenchmark } from "../../../test/fixtures/data/clip-benchmark-tree.ts";
import { ownCache } from "../../../test/fixtures/data/own-cache.ts";
import { tarOf } from "../../../test/fixtures/data/tar.ts";
import { sha256 } from "../../util/hash.ts";
import { openSources } from "../open-sources.ts";
import { ImageReader } from "../read-image.ts";
import type { SampleRecord, Split } from "../source.ts";

const root = ownCache("eg-cb-");

async function put(name: string, data: string | Readonly<Record<string, string>>): Promise<void> {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  if (typeof data === "string") return writeFileSync(path, data);
  writeFileSync(path, await tarOf(Object.entries(data)));
}

beforeAll(async () => {
  await put("a/wds_vtab-pets/test/nshards.txt", "2");
  await put("a/wds_vtab-pets/test/0.tar", { "s0.webp": "x", "s0.cls": "1", "s1.png": "y", "s1.cls": "0" });
  await put("a/wds_vtab-pets/test/1.tar", { "s0.jpg": "z", "s0.cls": "1" });
  await put("a/wds_vtab-pets/train/nshards.txt", "1\n");
  await put("a/wds_vtab-pets/train/0.tar", { "s0.webp": "t", "s0.cls": "0" });
  await put("a/wds_vtab-pets/classnames.txt", "pug\nEgyptian Mau\n");
  await put("a/wds_vtab-pets/zeroshot_classification_templates.txt", "a photo of a {c}, a type of pet.\n{c}\n");
  await put("a/wds_flickr30k/test/nshards.txt", "1");
  await put("a/wds_flickr30k/test/0.tar", { "s0.jpg": "x", "s0.txt": "one dog\ntwo dogs\n\n" });
  await put("a/wds_flickr30k/dataset_type.txt", "retrieval\n");
});

test("sets go by their folders' names; labels, classes, prompts and both parts are those of the files", async () => {
  const [flickr, pets, ...others] = await openSources(`clip-benchmark:${join(root, "a")}`, "/");
  expect(others).toEqual([]);
  expect(pets).toMatchObject({ name: "vtab-pets", role: "eval", task: "classification", classNames: ["pug", "Egyptian Mau"] });
  expect(pets?.templates).toEqual(["a photo of a {}, a type of pet.", "{}"]);
  expect(pets?.records("test").map(({ id, className }) => [id, className])).toEqual([
    ["vtab-pets/test/0/s0", "Egyptian Mau"],
    ["vtab-pets/test/0/s1", "pug"],
    ["vtab-pets/test/1/s0", "Egyptian Mau"],
  ]);
  expect(pets?.records("train").map(({ id, captions }) => [id, captions])).toEqual([
    ["vtab-pets/train/0/s0", ["a photo of a pug, a type of pet."]],
  ]);
  expect(flickr).toMatchObject({ name: "flickr30k", task: "retrieval", classNames: [] });
  expect(flickr?.records("test").map(({ captions }) => captions)).toEqual([["one dog", "two dogs"]]);
});

const peer = JSON.parse(readFileSync(new URL("../../../test/vectors/layouts/clip-benchmark.json", import.meta.url), "utf8")) as {
  readonly sets: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly samples: readonly (readonly [told: number | readonly string[], pixels: string])[];
            readonly classes: readonly string[] | null;
            readonly templates: readonly string[] | null;
          }
        >
      >
    >
  >;
};

test("CLIP_benchmark opens the same exports and finds the same samples, classes, prompts and pixels", async () => {
  const folder = join(root, "peer");
  await writeClipBenchmark(folder);
  const sets = await openSources(`clip-benchmark:${folder}`, "/");
  expect(sets.map(({ name }) => name)).toEqual(Object.keys(peer.sets).sort());
  const reader = new ImageReader();
  for (const set of sets)
    for (const [split, { samples, classes, templates }] of Object.entries(peer.sets[set.name] ?? {})) {
      const own = set.records(split as Split);
      const told = ({ className, captions }: SampleRecord): unknown => (classes ? classes.indexOf(className ?? "") : captions);
      expect(own.map(told)).toEqual(samples.map(([label]) => label));
      if (classes) expect(set).toMatchObject({ classNames: classes, templates: templates?.map((text) => text.replace("{c}", "{}")) });
      for (const [i, record] of own.entries()) {
        const { data } = await (await reader.open(record.image)).pixels();
        expect(sha256(data as Uint8Array)).toBe(samples[i]?.[1]);
      }
    }
});

test("one set's own folder may be named, a set of many picked, and a bare path is recognised", async () => {
  const names = async (spec: string): Promise<readonly string[]> => (await openSources(spec, "/")).map(({ name }) => name);
  expect(await names(`clip-benchmark:${join(root, "a/wds_flickr30k")}`)).toEqual(["flickr30k"]);
  expect(await names(`clip-benchmark:${join(root, "a")}?sets=vtab-pets`)).toEqual(["vtab-pets"]);
  expect(await names(join(root, "a"))).toEqual(["flickr30k", "vtab-pets"]);
  await expect(names(`clip-benchmark:${join(root, "a")}?sets=vtab-pet`)).rejects.toMatchObject({ fix: "did you mean: vtab-pets" });
});

test("a tar that is missing, a label without a name and a kind that is not read are told", async () => {
  await put("b/wds_x/test/nshards.txt", "2");
  await put("b/wds_x/test/0.tar", { "s0.jpg": "x", "s0.cls": "7" });
  await put("b/wds_x/classnames.txt", "one\n");
  const open = () => openSources(`clip-benchmark:${join(root, "b")}`, "/");
  await expect(open()).rejects.toThrow(/1\.tar: there is no such file; nshards.txt says 2/);
  await put("b/wds_x/test/nshards.txt", "1");
  await expect(open()).rejects.toThrow(/test\/0\/s0 is of class 7, classnames.txt has 1 lines/);
  await put("b/wds_x/dataset_type.txt", "multilabel\n");
  await expect(open()).rejects.toThrow(/says multilabel; classification and retrieval are read/);
});
