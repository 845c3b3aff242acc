import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ownCache } from "../../../test/fixtures/data/own-cache.ts";
import { idx, put, trees } from "../../../test/fixtures/data/torchvision-trees.ts";
import { sha256 } from "../../util/hash.ts";
import { openSources } from "../open-sources.ts";
import { ImageReader } from "../read-image.ts";
import { registeredSet } from "../registry.ts";
import type { DataSource, Split } from "../source.ts";
import { layouts } from "../torchvision/layouts.ts";

const root = ownCache("eg-tv-");

async function open(handle: string, make = trees[handle]): Promise<{ readonly folder: string; readonly set: DataSource }> {
  const folder = mkdtempSync(join(root, `${handle}-`));
  make?.(folder);
  const [set] = await openSources({ name: "torchvision", path: folder, sets: [handle] }, "/");
  if (!set) throw new Error("no set");
  return { folder, set };
}
const rows = (set: DataSource, split: Split): readonly string[] =>
  set
    .records(split)
    .map(({ id, className, captions }) => `${id.slice(set.name.length + split.length + 2)} ${className ?? `${captions.length} captions`}`);
async function pixels(set: DataSource, split: Split, index = 0): Promise<Uint8Array> {
  const record = set.records(split)[index];
  if (!record) throw new Error("no record");
  return (await (await new ImageReader().open(record.image)).pixels()).data as Uint8Array;
}

/** Sets of which the registry takes a part. */
const parts = new Set(["inaturalist2021"]);
interface Peer {
  readonly items: readonly (readonly [fileOrNumber: string | number, label: number])[];
  readonly first?: string;
}
const peers = JSON.parse(readFileSync(new URL("../../../test/vectors/layouts/torchvision.json", import.meta.url), "utf8")) as {
  readonly sets: Readonly<Record<string, Readonly<Partial<Record<Split | "all", Peer>>>>>;
  readonly objects: Readonly<Record<string, readonly (readonly [file: string, count: number])[]>>;
  readonly captions: Readonly<Record<string, readonly (readonly [file: string, captions: readonly string[]])[]>>;
};
/** A sample's file below the root; its number where a file holds many. */
const keyOf = (set: DataSource, split: Split, id: string): string | number => {
  const rest = id.slice(set.name.length + split.length + 2);
  const number = /\/(\d{6})$/.exec(rest);
  return number ? Number(number[1]) : rest;
};

test.each(Object.keys(peers.sets))("%s: torchvision opens the same tree and finds the same samples, classes and pixels", async (handle) => {
  const { set } = await open(handle);
  for (const [part, { items, first }] of Object.entries(peers.sets[handle] ?? {})) {
    const splits: readonly Split[] = part === "all" ? ["train", "test"] : [part as Split];
    const own = splits.flatMap((split) => set.records(split).map((record) => ({ ...record, key: keyOf(set, split, record.id) })));
    // The registry may take a part of a set, or divide it anew.
    const theirs = new Map(items.map(([key, label]) => [String(key), label]));
    const wanted = own.filter(({ key }) => !theirs.has(String(key))).map(({ key }) => key);
    expect(wanted).toEqual([]);
    if (!parts.has(handle)) expect(own.length).toBe(items.length);
    const labels = new Map(own.map(({ key, className }) => [className, theirs.get(String(key))]));
    for (const { key, className } of own) expect(theirs.get(String(key))).toBe(labels.get(className));
    expect(new Set(labels.values()).size).toBe(labels.size);
    if (first !== undefined) expect(sha256(await pixels(set, splits[0] ?? "train"))).toBe(first);
  }
});

test.each(Object.keys(peers.captions))(
  "%s: torchvision opens the same tree and finds the same captions of the tested pictures, in order",
  async (handle) => {
    const { set } = await open(handle);
    const theirs = new Map(peers.captions[handle]);
    const own = set.records("test").map(({ id, captions }) => [keyOf(set, "test", id), captions]);
    expect(own).toEqual(own.map(([key]) => [key, theirs.get(String(key))?.map((text) => text.trim())]));
    // One picture of each tree is of another part.
    expect(own.length).toBe(theirs.size - 1);
  },
);

test.each(Object.keys(peers.objects))(
  "%s: the numbers of a class add up to torchvision's label, but for the class that is left out",
  async (handle) => {
    const { set } = await open(handle);
    const numbers = "no one two three four five six seven eight nine ten".split(" ");
    const own = (["train", "test"] as const).flatMap((split) =>
      set.records(split).map(({ id, className = "" }): readonly [string, number] => {
        const counts = className.split(", ").map((part) => numbers.indexOf(part.split(" ")[0] ?? ""));
        return [String(keyOf(set, split, id)), counts.reduce((a, b) => a + b, 0)];
      }),
    );
    const theirs = peers.objects[handle]?.filter(([file]) => !file.endsWith("000001.png"));
    expect(own.sort(([a], [b]) => (a < b ? -1 : 1))).toEqual(theirs);
  },
);

/** What each tree holds: training and test samples with their classes. */
const expected: Readonly<Record<string, readonly [train: readonly string[], test: readonly string[]]>> = {
  caltech101: [
    [1, 2, 3, 4, 5, 6, 7].map((i) => `caltech101/101_ObjectCategories/sea_horse/image_000${i}.jpg sea horse`),
    ["0008", "0009", "0010"].map((i) => `caltech101/101_ObjectCategories/sea_horse/image_${i}.jpg sea horse`),
  ],
  caltech256: [
    [1, 2].map((i) => `caltech256/256_ObjectCategories/001.ak47/001_000${i}.jpg ak47`),
    ["caltech256/256_ObjectCategories/001.ak47/001_0003.jpg ak47"],
  ],
  cars196: [
    ["stanford_cars/cars_train/00001.jpg Audi S4 Sedan 2007", "stanford_cars/cars_train/00002.jpg Acura RL Sedan 2012"],
    ["stanford_cars/cars_test/00001.jpg Acura RL Sedan 2012", "stanford_cars/cars_test/00002.jpg Audi S4 Sedan 2007"],
  ],
  cifar10: [
    [1, 2, 3, 4, 5].map((i) => `cifar-10-batches-bin/data_batch_${i}.bin/000000 ${i % 2 === 1 ? "automobile" : "airplane"}`),
    ["cifar-10-batches-bin/test_batch.bin/000000 automobile"],
  ],
  cifar100: [
    ["cifar-100-binary/train.bin/000000 aquarium fish", "cifar-100-binary/train.bin/000001 apple"],
    ["cifar-100-binary/test.bin/000000 aquarium fish"],
  ],
  // Sorted: five cubes (6); five cubes, one cylinder, two spheres (2); one cube, one cylinder, one sphere (0, 3); three spheres (4); two cubes, … (5).
  clevr: [
    [
      "0.png one cube, one cylinder, one sphere",
      "2.png five cubes, one cylinder, two spheres",
      "3.png one cube, one cylinder, one sphere",
      "4.png three spheres",
    ].map((row) => `clevr/CLEVR_v1.0/images/train/CLEVR_train_00000${row}`),
    ["5.png two cubes, four cylinders, four spheres", "6.png five cubes"].map(
      (row) => `clevr/CLEVR_v1.0/images/train/CLEVR_train_00000${row}`,
    ),
  ],
  country211: [
    ["country211/train/AD/1.jpg Andorra", "country211/train/ZW/1.jpg Zimbabwe"],
    ["country211/test/AD/1.jpg Andorra", "country211/test/ZW/1.jpg Zimbabwe"],
  ],
  dtd: [["dtd/dtd/images/wavy/wavy_1.jpg wavy"], ["dtd/dtd/images/wavy/wavy_3.jpg wavy"]],
  eurosat: [
    ["AnnualCrop", "SeaLake"].flatMap((name) => [1, 2].map((i) => `eurosat/2750/${name}/${name}_${i}.jpg ${name}`)),
    ["AnnualCrop", "SeaLake"].flatMap((name) => [3, 4].map((i) => `eurosat/2750/${name}/${name}_${i}.jpg ${name}`)),
  ],
  fashionmnist: [
    ["FashionMNIST/raw/train/000000 Ankle boot", "FashionMNIST/raw/train/000001 T-shirt/top"],
    ["FashionMNIST/raw/t10k/000000 Trouser"],
  ],
  fgvcaircraft: [["fgvc-aircraft-2013b/data/images/1025794.jpg Beechcraft 1900"], ["fgvc-aircraft-2013b/data/images/0056978.jpg 707-320"]],
  flickr30k: [[], ["1007129816", "1009434119"].map((name) => `flickr30k-images/${name}.jpg 5 captions`)],
  flowers102: [
    ["flowers-102/jpg/image_00003.jpg globe thistle", "flowers-102/jpg/image_00004.jpg pink primrose"],
    ["flowers-102/jpg/image_00001.jpg globe thistle", "flowers-102/jpg/image_00005.jpg globe thistle"],
  ],
  food101: [
    ["food-101/images/apple_pie/1.jpg apple pie", "food-101/images/ramen/3.jpg ramen"],
    ["food-101/images/apple_pie/2.jpg apple pie"],
  ],
  gtsrb: [
    [0, 1].map((i) => `gtsrb/GTSRB/Training/00000/00000_0000${i}.ppm red and white circle 20 kph speed limit`),
    [2, 3].map((i) => `gtsrb/GTSRB/Training/00000/00000_0000${i}.ppm red and white circle 20 kph speed limit`),
  ],
  imagenet: [[], ["val/n01440764/ILSVRC2012_val_00000293.JPEG tench", "val/n01443537/ILSVRC2012_val_00000293.JPEG goldfish"]],
  inaturalist2021: [
    [0, 4].map(
      (i) =>
        `2021_train_mini/0000${i}_Animalia_Chordata_Aves_Order_Family_Genus_species${i}/a.jpg Animalia Chordata Aves Order Family Genus species${i}`,
    ),
    [0, 4].map(
      (i) =>
        `2021_valid/0000${i}_Animalia_Chordata_Aves_Order_Family_Genus_species${i}/b.jpg Animalia Chordata Aves Order Family Genus species${i}`,
    ),
  ],
  mscoco: [[], ["val2014/COCO_val2014_000000060623.jpg 5 captions", "val2014/COCO_val2014_000000391895.jpg 6 captions"]],
  mnist: [["MNIST/raw/train/000000 5", "MNIST/raw/train/000001 0"], ["MNIST/raw/t10k/000000 7"]],
  oxford_pets: [["oxford-iiit-pet/images/Egyptian_Mau_12.jpg Egyptian Mau"], ["oxford-iiit-pet/images/pug_3.jpg Pug"]],
  places365: [["data_256_standard/c/church/outdoor/00000001.jpg church outdoor"], ["val_256/Places365_val_00000001.jpg airfield"]],
  stl10: [["stl10_binary/train_X.bin/000000 bird"], ["stl10_binary/test_X.bin/000000 bird"]],
  sun397: [["SUN397/a/abbey/sun_a.jpg abbey"], ["SUN397/a/apartment_building/outdoor/sun_b.jpg apartment building outdoor"]],
  svhn: [["train_32x32.mat/000000 0", "train_32x32.mat/000001 4"], ["test_32x32.mat/000000 1"]],
};

test("every layout has a tree and what is expected of it", () => {
  expect(Object.keys(trees).sort()).toEqual(Object.keys(layouts).sort());
  expect(Object.keys(expected).sort()).toEqual(Object.keys(layouts).sort());
});

for (const [handle, [train, held]] of Object.entries(expected))
  test(`${handle}: parts, classes, role and prompt`, async () => {
    const { set } = await open(handle);
    expect(rows(set, "train")).toEqual(train);
    expect(rows(set, "test")).toEqual(held);
    const { role, template } = registeredSet(handle);
    expect(set).toMatchObject({ name: handle, role, templates: [template] });
    const places = [...set.records("train"), ...set.records("test")].map(({ image }) => image.path);
    expect(places.filter((path) => !existsSync(path))).toEqual([]);
  });

test("pixels of planes are those of the file: rows of CIFAR, columns of STL10 and SVHN, grey of MNIST, PPM of GTSRB", async () => {
  expect([...(await pixels((await open("cifar10")).set, "train")).subarray(0, 6)]).toEqual([1, 101, 201, 1, 101, 201]);
  // CIFAR-100: value 7 i mod 256 at place i of its planes; pixel (x 2, y 1) is at 34.
  const hundred = await pixels((await open("cifar100")).set, "train");
  expect([...hundred.subarray(3 * 34, 3 * 34 + 3)]).toEqual([34, 34 + 1024, 34 + 2048].map((i) => (i * 7) % 256));
  const stl = await pixels((await open("stl10")).set, "train");
  for (const [x, y] of [
    [0, 0],
    [5, 0],
    [5, 90],
    [95, 3],
  ] as const)
    expect([...stl.subarray(3 * (96 * y + x), 3 * (96 * y + x) + 3)]).toEqual([x, x + 1, x + 2]);
  const svhn = await pixels((await open("svhn")).set, "train", 1);
  for (const [x, y] of [
    [0, 0],
    [7, 0],
    [0, 7],
    [31, 30],
  ] as const)
    expect([...svhn.subarray(3 * (32 * y + x), 3 * (32 * y + x) + 3)]).toEqual([0, 50, 100].map((plus) => (9 + y + 2 * x + plus) % 256));
  const grey = await pixels((await open("mnist")).set, "test");
  expect([grey.length, grey[0], grey[29]]).toEqual([784, 7, 36]);
  expect([...(await pixels((await open("gtsrb")).set, "test"))].slice(0, 4)).toEqual([20, 20, 30, 20]);
});

test("pickles are refused with the archive to fetch; once that is there beside them they are passed over", async () => {
  const pickled = (folder: string): void => put(folder, "cifar-10-batches-py/data_batch_1", "pickle");
  await expect(open("cifar10", pickled)).rejects.toMatchObject({
    message: expect.stringContaining("holds pickles, which are programs; they are never opened") as string,
    fix: expect.stringContaining("cifar-10-binary.tar.gz") as string,
  });
  const { set } = await open("cifar10", (folder) => {
    pickled(folder);
    trees.cifar10?.(folder);
  });
  expect(set.records("train").length).toBe(5);
});

test("numbered classes need a list of names; another list goes before the layout's own", async () => {
  await expect(
    open("flowers102", (folder) => {
      trees.flowers102?.(folder);
      rmSync(join(folder, "FLOWERS102_classnames.json"));
    }),
  ).rejects.toMatchObject({ fix: "put FLOWERS102_classnames.json there, an array of the 2 names in the order of the numbers" });
  const { set } = await open("mnist", (folder) => {
    trees.mnist?.(folder);
    writeFileSync(join(folder, "MNIST_classnames.json"), JSON.stringify("zero one two three four five six seven eight nine".split(" ")));
  });
  expect(set.records("train").map(({ className }) => className)).toEqual(["five", "zero"]);
  expect(set.classNames[9]).toBe("nine");
});

test("files that do not agree are refused by name", async () => {
  const labels = (folder: string): void => {
    trees.mnist?.(folder);
    put(folder, "MNIST/raw/train-labels-idx1-ubyte", idx([3], [1, 2, 3]));
  };
  await expect(open("mnist", labels)).rejects.toThrow(/train-images-idx3-ubyte: 2 images and 3 labels/);
  await expect(open("cifar100", (folder) => put(folder, "cifar-100-binary/train.bin", "short"))).rejects.toThrow(
    /cannot be read|no such file|expected records/,
  );
  const outside = (folder: string): void => {
    trees.dtd?.(folder);
    put(folder, "dtd/dtd/labels/train1.txt", "../../secret.jpg\n");
  };
  await expect(open("dtd", outside)).rejects.toThrow(/does not name a picture and a class/);
});

test("one root may hold many sets; a set that is not there, or that torchvision does not know, is told", async () => {
  const { folder } = await open("dtd", (at) => {
    trees.dtd?.(at);
    trees.eurosat?.(at);
  });
  expect((await openSources(`torchvision:${folder}`, "/")).map(({ name }) => name)).toEqual(["dtd", "eurosat"]);
  expect((await openSources(`torchvision:${folder}?role=eval`, "/")).map(({ name }) => name)).toEqual(["eurosat"]);
  await expect(openSources(`torchvision:${folder}?sets=mnist`, "/")).rejects.toThrow(/mnist is not there; looked for MNIST\/raw/);
  await expect(openSources(`torchvision:${folder}?sets=cub200`, "/")).rejects.toThrow(/torchvision has no layout of cub200/);
});
