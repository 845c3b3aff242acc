import { captionSet } from "./caption-set.ts";
import { clevrScenes } from "./clevr.ts";
import { cocoCaptions } from "./coco.ts";
import { flickrCaptions } from "./flickr.ts";
import { folders } from "./folders.ts";
import type { LayoutReader } from "./found-set.ts";
import { jsonLists, lists } from "./lists.ts";
import { carFiles, digitFiles, flowerFiles } from "./mat-sets.ts";
import { columnFiles, idxFiles, recordFiles } from "./pixel-files.ts";

/** How torchvision keeps a data set below its root. */
export interface Layout {
  /** Any of these files or folders shows that the set is there. */
  readonly marks: readonly string[];
  readonly read: LayoutReader;
}

const jpg = [".jpg", ".jpeg"];
const words = (name: string): string => name.replaceAll("_", " ");
const afterFirstSpace = (line: string): readonly [string, string] => {
  const at = line.indexOf(" ");
  return [line.slice(0, at), line.slice(at + 1)];
};
const fashions = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",");
const flickrPictures = ["flickr30k-images", "flickr30k_images"];
const digits = Array.from({ length: 10 }, (_, i) => String(i));

/** `/a/abbey/x.jpg` and `/a/apartment_building/outdoor/x.jpg`: the first folder is a letter, the others are the class. */
const sunLine = (line: string): { readonly picture: string; readonly className: string } => ({
  picture: line.replace(/^\//, ""),
  className: words(line.split("/").slice(2, -1).join(" ")),
});

/** `Egyptian_Mau_12 6 1 4` → Egyptian Mau. */
function petLine(line: string): { readonly picture: string; readonly className: string } {
  const [id = ""] = line.split(" ");
  const className = words(id.replace(/_\d+$/, "")).replace(
    /\b\p{L}\p{L}*/gu,
    (word) => (word[0] ?? "").toUpperCase() + word.slice(1).toLowerCase(),
  );
  return { picture: `${id}.jpg`, className };
}

/** Layouts of the registered sets that torchvision reads, by handle. Its own splits, but where the benchmark has another rule (docs/data-sets.md). */
export const layouts: Readonly<Record<string, Layout>> = {
  caltech101: {
    marks: ["caltech101/101_ObjectCategories"],
    read: folders({ parts: "caltech101/101_ObjectCategories", endings: jpg, skips: ["BACKGROUND_Google"] }),
  },
  caltech256: {
    marks: ["caltech256/256_ObjectCategories"],
    read: folders({ parts: "caltech256/256_ObjectCategories", endings: jpg, prefix: /^\d+\./ }),
  },
  cars196: { marks: ["stanford_cars/devkit"], read: carFiles("stanford_cars") },
  cifar10: {
    marks: ["cifar-10-batches-bin", "cifar-10-batches-py"],
    read: recordFiles({
      files: {
        train: [1, 2, 3, 4, 5].map((i) => `cifar-10-batches-bin/data_batch_${i}.bin`),
        test: ["cifar-10-batches-bin/test_batch.bin"],
      },
      side: 32,
      labelBytes: 1,
      names: "cifar-10-batches-bin/batches.meta.txt",
      pickled: { folder: "cifar-10-batches-py", instead: "cifar-10-binary.tar.gz" },
    }),
  },
  cifar100: {
    marks: ["cifar-100-binary", "cifar-100-python"],
    read: recordFiles({
      files: { train: ["cifar-100-binary/train.bin"], test: ["cifar-100-binary/test.bin"] },
      side: 32,
      labelBytes: 2,
      names: "cifar-100-binary/fine_label_names.txt",
      pickled: { folder: "cifar-100-python", instead: "cifar-100-binary.tar.gz" },
    }),
  },
  clevr: { marks: ["clevr/CLEVR_v1.0"], read: clevrScenes("clevr/CLEVR_v1.0", process.env) },
  country211: {
    marks: ["country211/train"],
    read: folders({ parts: { train: "country211/train", test: "country211/test" }, endings: jpg, isNumbered: true }),
  },
  dtd: {
    marks: ["dtd/dtd/labels"],
    read: lists({
      lists: { train: ["dtd/dtd/labels/train1.txt"], test: ["dtd/dtd/labels/test1.txt"] },
      images: { train: ["dtd/dtd/images"], test: ["dtd/dtd/images"] },
      line: (line) => ({ picture: line, className: words(line.split("/")[0] ?? "") }),
    }),
  },
  eurosat: { marks: ["eurosat/2750"], read: folders({ parts: "eurosat/2750", endings: jpg }) },
  fashionmnist: { marks: ["FashionMNIST/raw"], read: idxFiles("FashionMNIST/raw", fashions) },
  fgvcaircraft: {
    marks: ["fgvc-aircraft-2013b/data"],
    read: lists({
      lists: {
        train: ["fgvc-aircraft-2013b/data/images_variant_train.txt"],
        test: ["fgvc-aircraft-2013b/data/images_variant_test.txt"],
      },
      images: { train: ["fgvc-aircraft-2013b/data/images"], test: ["fgvc-aircraft-2013b/data/images"] },
      names: { file: "fgvc-aircraft-2013b/data/variants.txt", line: (line) => line },
      line: (line) => {
        const [picture, className] = afterFirstSpace(line);
        return { picture: `${picture}.jpg`, className };
      },
    }),
  },
  flickr30k: {
    marks: flickrPictures,
    read: captionSet(
      {
        folder: "FLICKR30K",
        pictures: flickrPictures,
        karpathy: "dataset_flickr30k.json",
        annotations: "results_20130124.token",
        captionsIn: flickrCaptions,
      },
      process.env,
    ),
  },
  // The benchmark exchanges the parts, so that there is more to train on.
  flowers102: { marks: ["flowers-102/imagelabels.mat"], read: flowerFiles("flowers-102", { train: "tstid", test: "trnid" }) },
  food101: {
    marks: ["food-101/meta"],
    read: jsonLists({ train: "food-101/meta/train.json", test: "food-101/meta/test.json" }, "food-101/images", words),
  },
  gtsrb: { marks: ["gtsrb/GTSRB/Training"], read: folders({ parts: "gtsrb/GTSRB/Training", endings: [".ppm"], isNumbered: true }) },
  imagenet: {
    marks: ["ILSVRC2012_devkit_t12.tar.gz", "meta.bin"],
    read: folders({ parts: { test: "val" }, endings: jpg, isNumbered: true }),
  },
  inaturalist2021: {
    marks: ["2021_train_mini"],
    read: folders({ parts: { train: "2021_train_mini", test: "2021_valid" }, endings: jpg, every: 4, prefix: /^\d{5}_/ }),
  },
  mnist: { marks: ["MNIST/raw"], read: idxFiles("MNIST/raw", digits) },
  mscoco: {
    marks: ["val2014"],
    read: captionSet(
      {
        folder: "MSCOCO",
        pictures: ["val2014"],
        karpathy: "dataset_coco.json",
        annotations: "annotations/captions_val2014.json",
        captionsIn: cocoCaptions,
      },
      process.env,
    ),
  },
  oxford_pets: {
    marks: ["oxford-iiit-pet/annotations"],
    read: lists({
      lists: { train: ["oxford-iiit-pet/annotations/trainval.txt"], test: ["oxford-iiit-pet/annotations/test.txt"] },
      images: { train: ["oxford-iiit-pet/images"], test: ["oxford-iiit-pet/images"] },
      line: petLine,
    }),
  },
  places365: {
    marks: ["categories_places365.txt"],
    read: lists({
      lists: { train: ["places365_train_standard.txt"], test: ["places365_val.txt"] },
      images: { train: ["data_256_standard", "data_large_standard"], test: ["val_256", "val_large"] },
      names: { file: "categories_places365.txt", line: (line) => words((line.split(" ")[0] ?? "").split("/").slice(2).join(" ")) },
      line: (line) => {
        const [picture, label] = afterFirstSpace(line);
        return { picture: picture.replace(/^\//, ""), label: Number(label) };
      },
    }),
  },
  stl10: {
    marks: ["stl10_binary"],
    read: columnFiles({
      files: {
        train: { images: "stl10_binary/train_X.bin", labels: "stl10_binary/train_y.bin" },
        test: { images: "stl10_binary/test_X.bin", labels: "stl10_binary/test_y.bin" },
      },
      side: 96,
      names: "stl10_binary/class_names.txt",
    }),
  },
  sun397: {
    marks: ["SUN397"],
    read: lists({
      lists: { train: ["SUN397/Training_01.txt"], test: ["SUN397/Testing_01.txt"] },
      images: { train: ["SUN397"], test: ["SUN397"] },
      line: sunLine,
    }),
  },
  svhn: { marks: ["train_32x32.mat"], read: digitFiles({ train: "train_32x32.mat", test: "test_32x32.mat" }, digits, process.env) },
};
