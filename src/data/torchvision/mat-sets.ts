import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaceFile } from "../../util/atomic-file.ts";
import { cacheRoot, type Env } from "../../util/paths.ts";
import { DataError } from "../data-error.ts";
import { cachedIndex, contentKey } from "../index-cache.ts";
import { type MatValue, readMatFile } from "../mat-file.ts";
import type { Split } from "../source.ts";
import { type FoundItem, fileItem, type LayoutReader, labelled, type NamedItem } from "./found-set.ts";

/** Flowers102: numbered pictures, a file with their labels and one with the numbers of each part. It has no names of classes. */
export function flowerFiles(base: string, parts: Readonly<Record<Split, string>>): LayoutReader {
  return (root) => {
    const labelFile = join(root, base, "imagelabels.mat");
    const labels = numbersIn(labelFile, "labels");
    const setFile = join(root, base, "setid.mat");
    const sets = readMatFile(setFile);
    const items = (["train", "test"] as const).flatMap((split) =>
      Array.from(numbersIn(setFile, parts[split], sets), (number): FoundItem => {
        const label = labels[number - 1];
        if (label === undefined) throw new DataError(`${setFile}: picture ${number} has no label in ${labelFile}`);
        return { ...fileItem(root, `${base}/jpg/image_${String(number).padStart(5, "0")}.jpg`), label: label - 1, split };
      }),
    );
    return { items, classNames: undefined };
  };
}

/** Stanford Cars: annotations with file name and class of each picture, and a file with the classes' names. */
export function carFiles(base: string): LayoutReader {
  const files: Readonly<Record<Split, readonly [annotations: string, images: string]>> = {
    train: ["devkit/cars_train_annos.mat", "cars_train"],
    test: ["cars_test_annos_withlabels.mat", "cars_test"],
  };
  return (root) => {
    const meta = join(root, base, "devkit/cars_meta.mat");
    const names = variable(meta, "class_names");
    const classNames = names.kind === "cells" ? names.cells.map((cell) => (cell.kind === "text" ? cell.text : "")) : [];
    const items = (["train", "test"] as const).flatMap((split) => {
      const [annotations, images] = files[split];
      const path = join(root, base, annotations);
      const rows = variable(path, "annotations");
      if (rows.kind !== "struct") throw new DataError(`${path}: expected a struct "annotations"`);
      return rows.rows.map((row, i): NamedItem => {
        const { fname, class: label } = row;
        const className = label?.kind === "numbers" ? classNames[(label.values[0] ?? 0) - 1] : undefined;
        if (fname?.kind !== "text" || /[/\\]/.test(fname.text) || className === undefined)
          throw new DataError(`${path}: annotation ${i + 1} has no file name or no class of the list`);
        return { ...fileItem(root, `${base}/${images}/${fname.text}`), className, split };
      });
    });
    return labelled(items, classNames);
  };
}

/** SVHN: images in a packed variable, which is unpacked into the cache once; the label of a 0 is 10. */
export function digitFiles(files: Readonly<Record<Split, string>>, classNames: readonly string[], env: Env): LayoutReader {
  return (root) => ({
    classNames,
    items: (["train", "test"] as const).flatMap((split) => {
      const path = join(root, files[split]);
      if (!existsSync(path)) throw new DataError(`${path}: there is no such file`);
      const { pixels, side, labels } = unpackedDigits(path, env);
      const bytes = 3 * side * side;
      return labels.map((label, i): FoundItem => {
        const image = {
          kind: "planes",
          path: pixels,
          offset: i * bytes,
          width: side,
          height: side,
          channels: 3,
          order: "columns",
        } as const;
        return { key: `${files[split]}/${String(i).padStart(6, "0")}`, label: label % 10, split, image, bytes };
      });
    }),
  });
}

interface UnpackedDigits {
  readonly pixels: string;
  readonly side: number;
  readonly labels: readonly number[];
}

function unpackedDigits(path: string, env: Env): UnpackedDigits {
  const pixels = join(cacheRoot(env), "unpacked", `${contentKey(path)}.u8`);
  const unpack = (): Omit<UnpackedDigits, "pixels"> => {
    const file = readMatFile(path);
    const images = variable(path, "X", file);
    const labels = Array.from(numbersIn(path, "y", file));
    const [side = 0, width = 0, channels = 0, count = 0] = images.kind === "numbers" ? images.dims : [];
    if (images.kind !== "numbers" || !images.bytes || side !== width || channels !== 3 || count !== labels.length)
      throw new DataError(`${path}: expected square images of 3 channels and 8 bits, and as many labels`);
    writeOnce(pixels, images.bytes);
    return { side, labels };
  };
  const known = cachedIndex({ path, format: "svhn/1", env }, unpack);
  const isThere = statSync(pixels, { throwIfNoEntry: false })?.size === known.labels.length * 3 * known.side * known.side;
  return { pixels, ...(isThere ? known : unpack()) };
}

function writeOnce(path: string, data: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, (temporary) => writeFileSync(temporary, data));
}

function variable(path: string, name: string, file = readMatFile(path)): MatValue {
  const found = file.get(name);
  if (!found) throw new DataError(`${path}: has no variable "${name}"`);
  return found;
}

function numbersIn(path: string, name: string, file = readMatFile(path)): ArrayLike<number> {
  const found = variable(path, name, file);
  if (found.kind !== "numbers") throw new DataError(`${path}: variable "${name}" holds no numbers`);
  return found.values;
}
