import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownCache } from "../../../test/fixtures/data/own-cache.ts";
import { put, trees } from "../../../test/fixtures/data/torchvision-trees.ts";
import { openSources } from "../open-sources.ts";
import type { DataSource } from "../source.ts";
import { cocoCaptions } from "./coco.ts";
import { flickrCaptions } from "./flickr.ts";

const root = ownCache("eg-captions-");
const coco = (id: number): string => `COCO_val2014_${String(id).padStart(12, "0")}.jpg`;

async function open(handle: string, change: (folder: string) => void): Promise<DataSource> {
  const folder = mkdtempSync(join(root, `${handle}-`));
  trees[handle]?.(folder);
  change(folder);
  const [set] = await openSources({ name: "torchvision", path: folder, sets: [handle] }, "/");
  if (!set) throw new Error("no set");
  return set;
}
const told = (set: DataSource) => set.records("test").map(({ id, captions }) => [id, captions]);

/** Karpathy's file of pictures with their part and sentences. */
function karpathy(...images: readonly (readonly [filename: string, split: string, ...sentences: readonly string[]])[]): string {
  return JSON.stringify({
    images: images.map(([filename, split, ...sentences], imgid) => ({
      ...{ filename, filepath: "val2014", split, imgid },
      sentences: sentences.map((raw, sentid) => ({ raw, sentid, imgid, tokens: raw.split(" ") })),
    })),
    dataset: "x",
  });
}

test("COCO and Flickr30k are retrieval sets without classes, in the root or with what is added in its 00_info", async () => {
  const set = await open("mscoco", () => undefined);
  expect(set).toMatchObject({ name: "mscoco", role: "eval", task: "retrieval", classNames: [], licences: ["CC BY 4.0"] });
  expect(set.records("train")).toEqual([]);
  expect(set.concepts()).toEqual([]);
  const moved = await open("mscoco", (folder) => {
    rmSync(join(folder, "MSCOCO_test.txt"));
    put(folder, "00_info/MSCOCO_test.txt", `\ufeff${coco(391895)}\r\n\r\n${coco(60623)}\r\n`);
    put(folder, "MSCOCO_classnames.json", '["no class of it"]');
  });
  expect([told(moved), moved.fingerprint, moved.classNames]).toEqual([told(set), set.fingerprint, []]);
  const flickr = await open("flickr30k", () => undefined);
  expect(flickr).toMatchObject({ role: "eval", task: "retrieval", classNames: [], templates: ["{}"] });
});

test("Karpathy's file goes before the list: its test part, its sentences, and torchvision's file is not needed", async () => {
  const split = karpathy(
    ["1007129816.jpg", "train", "A man in a hat."],
    ["9999.jpg", "test", " A picture of the test part.", "Another."],
    ["1009434119.jpg", "val", "A dog runs."],
  );
  const set = await open("flickr30k", (folder) => {
    put(folder, "dataset_flickr30k.json", split);
    rmSync(join(folder, "results_20130124.token"));
  });
  expect(told(set)).toEqual([["flickr30k/test/flickr30k-images/9999.jpg", ["A picture of the test part.", "Another."]]]);
  const both = await open("mscoco", (folder) =>
    put(folder, "00_info/dataset_coco.json", karpathy([coco(42), "test", "Of this part."], [coco(391895), "restval", "Not tested."])),
  );
  expect(told(both)).toEqual([[`mscoco/test/val2014/${coco(42)}`, ["Of this part."]]]);
});

test("however captions of pictures are mixed, each picture has its own in their order", () => {
  const caption = fc.string({ minLength: 1 }).filter((text) => text.trim() === text && !/[\t\r\n]/.test(text));
  const rows = fc.array(fc.tuple(fc.nat(3), caption), { maxLength: 20 });
  const names = [1, 2, 3, 4].map(coco);
  const path = join(root, "mixed");
  fc.assert(
    fc.property(rows, (mixed) => {
      const wanted = names.map((name, at) => [name, mixed.filter(([image]) => image === at).map(([, text]) => text)] as const);
      const images = names.map((file_name, id) => ({ id, file_name }));
      put(root, "mixed", JSON.stringify({ images, annotations: mixed.map(([image_id, caption], id) => ({ id, image_id, caption })) }));
      expect([...cocoCaptions(path)]).toEqual(wanted);
      put(root, "mixed", mixed.map(([image, text], i) => `${names[image]}#${i % 5}\t${text}\r\n`).join("\n"));
      expect(flickrCaptions(path)).toEqual(new Map(wanted.filter(([, texts]) => texts.length > 0)));
    }),
  );
});

test("Flickr30k's pictures may lie in flickr30k_images", async () => {
  const set = await open("flickr30k", (folder) => {
    rmSync(join(folder, "flickr30k-images"), { recursive: true });
    for (const name of ["1007129816.jpg", "1009434119.jpg"]) put(folder, `flickr30k_images/${name}`);
  });
  expect(set.records("test").map(({ id }) => id)).toEqual(
    ["1007129816", "1009434119"].map((name) => `flickr30k/test/flickr30k_images/${name}.jpg`),
  );
});

test("without Karpathy's file or a list the set is refused with what to put where", async () => {
  const bare = (folder: string): void => {
    rmSync(join(folder, "MSCOCO_test.txt"));
  };
  await expect(open("mscoco", bare)).rejects.toMatchObject({
    code: "EG-4101",
    message: expect.stringMatching(/nothing says which pictures of MSCOCO are tested/) as string,
    fix: "put dataset_coco.json of Karpathy's caption data there, or MSCOCO_test.txt with the name of a picture a line beside annotations/captions_val2014.json",
  });
});

describe("files that do not agree, or are broken, are refused by name and place", () => {
  const annotations = "annotations/captions_val2014.json";
  const image = { id: 391895, file_name: coco(391895) };
  const hostile = ["../../secret.jpg", "/etc/passwd", "..", "a/../../b.jpg", "..\\b.jpg", "a\0b.jpg"];

  test.each<readonly [what: string, handle: string, change: (folder: string) => void, message: RegExp]>([
    ["a caption file that is missing", "mscoco", (at) => rmSync(join(at, annotations)), /captions_val2014\.json: cannot be read \(ENOENT/],
    [
      "captions without their picture",
      "mscoco",
      (at) => rmSync(join(at, "val2014", coco(60623))),
      /MSCOCO_test\.txt: .*60623\.jpg has captions and is not in .*val2014/,
    ],
    [
      "a tested picture without a caption",
      "mscoco",
      (at) => put(at, "MSCOCO_test.txt", `${coco(7)}\n`),
      /MSCOCO_test\.txt: .*0007\.jpg is tested and has no caption/,
    ],
    [
      "captions that say nothing",
      "mscoco",
      (at) => put(at, "dataset_coco.json", karpathy([coco(42), "test", " ", ""])),
      /dataset_coco\.json: .*42\.jpg is tested and has no caption/,
    ],
    [
      "a caption of no picture of the file",
      "mscoco",
      (at) =>
        put(
          at,
          annotations,
          JSON.stringify({
            images: [image],
            annotations: [
              { image_id: 391895, caption: "a" },
              { image_id: 8, caption: "b" },
            ],
          }),
        ),
      /captions_val2014\.json: annotations → 1: image_id 8 is none of its pictures/,
    ],
    [
      "another kind of annotations",
      "mscoco",
      (at) => put(at, annotations, JSON.stringify({ images: [image], annotations: [{ image_id: 391895, bbox: [] }] })),
      /captions_val2014\.json: annotations → 0 → caption: Invalid input/,
    ],
    ["another kind of file", "mscoco", (at) => put(at, annotations, "[]"), /captions_val2014\.json: the whole: Invalid input/],
    [
      "another kind of split",
      "flickr30k",
      (at) => put(at, "dataset_flickr30k.json", '{"images": [{"filename": "1.jpg"}]}'),
      /dataset_flickr30k\.json: images → 0 → split: Invalid input/,
    ],
    [
      "a split that tests nothing",
      "flickr30k",
      (at) => put(at, "dataset_flickr30k.json", karpathy(["9999.jpg", "val", "a"])),
      /flickr30k: no samples found/,
    ],
    [
      "a line without a tab",
      "flickr30k",
      (at) => put(at, "results_20130124.token", "1.jpg#0\ta\n\n2.jpg#0 b\n"),
      /results_20130124\.token: line 3: expected PICTURE#NUMBER, a tab and a caption, got "2\.jpg#0 b"/,
    ],
    [
      "a picture that is named twice",
      "flickr30k",
      (at) => put(at, "FLICKR30K_test.txt", "1007129816.jpg\n1007129816.jpg\n"),
      /"test\/flickr30k-images\/1007129816\.jpg" occurs twice/,
    ],
  ])("%s", async (_, handle, change, message) => {
    await expect(open(handle, change)).rejects.toMatchObject({ exit: "data", message: expect.stringMatching(message) as string });
  });

  test.each(hostile)("a name that is no plain name: %j", async (name) => {
    const files: readonly (readonly [handle: string, file: string, text: string])[] = [
      ["mscoco", "MSCOCO_test.txt", `${name}\n`],
      ["mscoco", "dataset_coco.json", karpathy([name, "test", "a"])],
      ["mscoco", annotations, JSON.stringify({ images: [{ id: 1, file_name: name }], annotations: [] })],
      ["flickr30k", "dataset_flickr30k.json", karpathy([name, "test", "a"])],
    ];
    for (const [handle, file, text] of files)
      await expect(open(handle, (at) => put(at, file, text))).rejects.toThrow(/plain name of a file/);
  });

  test.each([
    ['{"images": [],\n "annotations": [1 2]}', { line: 2, column: 20 }],
    ['{"images": [\n', { line: 2, column: 1 }],
  ])("text that is not JSON, with line and column: %j", async (text, place) => {
    await expect(open("mscoco", (at) => put(at, annotations, text))).rejects.toMatchObject({
      message: expect.stringMatching(/captions_val2014\.json: not JSON \(/) as string,
      place: { ...place, file: expect.stringMatching(/captions_val2014\.json$/) as string },
    });
  });

  test("where the parser tells no position, it shows the text around the slip", async () => {
    await expect(open("mscoco", (at) => put(at, annotations, '{"images": oops}'))).rejects.toThrow(/not JSON \(Unexpected token.*oops/);
  });
});
