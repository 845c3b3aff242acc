import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../data-error.ts";
import { readSpan } from "../read-image.ts";
import type { Split } from "../source.ts";
import { type FoundItem, type LayoutReader, linesOf } from "./found-set.ts";

/** Files of records of one length: labels, then the pixels of an image in three planes. */
export interface RecordLayout {
  readonly files: Readonly<Record<Split, readonly string[]>>;
  readonly side: number;
  /** Bytes in front of the pixels; the last of them is the label. */
  readonly labelBytes: number;
  /** A file with the classes in label order. */
  readonly names: string;
  /** Folder of the same data as pickles, which are programs and are never run, and the archive to fetch instead. */
  readonly pickled: { readonly folder: string; readonly instead: string };
}

/** Reads such files. @throws {DataError} where only their pickled form is there. */
export function recordFiles({ files, side, labelBytes, names, pickled }: RecordLayout): LayoutReader {
  const stride = labelBytes + 3 * side * side;
  return (root) => {
    const [first = ""] = files.test;
    if (!existsSync(join(root, first)) && existsSync(join(root, pickled.folder)))
      throw new DataError(`${join(root, pickled.folder)}: holds pickles, which are programs; they are never opened`, {
        fix: `fetch ${pickled.instead} from the same page and unpack it beside this folder`,
      });
    const classNames = linesOf(join(root, names)).map((name) => name.replaceAll("_", " "));
    const items = (["train", "test"] as const).flatMap((split) =>
      files[split].flatMap((file) => {
        const path = join(root, file);
        const count = wholeCount(path, stride);
        const data = readSpan(path, 0, undefined);
        return Array.from({ length: count }, (_, i): FoundItem => {
          const offset = i * stride + labelBytes;
          const image = { kind: "planes", path, offset, width: side, height: side, channels: 3, order: "rows" } as const;
          return { key: `${file}/${numbered(i)}`, label: data[offset - 1] ?? 0, split, image, bytes: 3 * side * side };
        });
      }),
    );
    return { items, classNames };
  };
}

/** Images column by column in one file of each part, labels from 1 in another. */
export function columnFiles(layout: {
  readonly files: Readonly<Record<Split, { readonly images: string; readonly labels: string }>>;
  readonly side: number;
  readonly names: string;
}): LayoutReader {
  const { files, side, names } = layout;
  const bytes = 3 * side * side;
  return (root) => ({
    classNames: linesOf(join(root, names)),
    items: (["train", "test"] as const).flatMap((split) => {
      const path = join(root, files[split].images);
      const labels = readSpan(join(root, files[split].labels), 0, undefined);
      sameCount(path, wholeCount(path, bytes), labels.length);
      return Array.from(labels, (label, i): FoundItem => {
        const image = { kind: "planes", path, offset: i * bytes, width: side, height: side, channels: 3, order: "columns" } as const;
        return { key: `${files[split].images}/${numbered(i)}`, label: label - 1, split, image, bytes };
      });
    }),
  });
}

/** The files of MNIST and its likes: grey images and labels from 0, each behind a header that says how many. */
export function idxFiles(folder: string, classNames: readonly string[]): LayoutReader {
  return (root) => ({
    classNames,
    items: (["train", "test"] as const).flatMap((split) => {
      const stem = `${folder}/${split === "train" ? "train" : "t10k"}`;
      const path = join(root, `${stem}-images-idx3-ubyte`);
      const [count = 0, height = 0, width = 0] = idxDims(path, 3);
      const labelPath = join(root, `${stem}-labels-idx1-ubyte`);
      sameCount(path, count, idxDims(labelPath, 1)[0] ?? 0);
      const labels = readSpan(labelPath, 8, undefined);
      const bytes = width * height;
      return Array.from(labels, (label, i): FoundItem => {
        const image = { kind: "planes", path, offset: 16 + i * bytes, width, height, channels: 1, order: "rows" } as const;
        return { key: `${stem}/${numbered(i)}`, label, split, image, bytes };
      });
    }),
  });
}

/** Sizes of an IDX file of bytes. @throws {DataError} for a packed one, another type, or a length that its sizes do not give. */
function idxDims(path: string, rank: number): readonly number[] {
  if (!existsSync(path) && existsSync(`${path}.gz`))
    throw new DataError(`${path}: only its packed form is there`, { fix: `unpack it: gunzip -k ${path}.gz` });
  const head = Buffer.from(readSpan(path, 0, 4 + 4 * rank));
  if (head.readUInt32BE(0) !== 0x0800 + rank) throw new DataError(`${path}: expected an IDX file of bytes with ${rank} dimensions`);
  const dims = Array.from({ length: rank }, (_, i) => head.readUInt32BE(4 + 4 * i));
  const bytes = 4 + 4 * rank + dims.reduce((a, b) => a * b, 1);
  const size = statSync(path).size;
  if (size !== bytes) throw new DataError(`${path}: has ${size} bytes, its header says ${bytes}`, { fix: "fetch it again" });
  return dims;
}

function wholeCount(path: string, stride: number): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new DataError(`${path}: there is no such file`);
  if (size % stride !== 0) throw new DataError(`${path}: has ${size} bytes, expected records of ${stride}`, { fix: "fetch it again" });
  return size / stride;
}

function sameCount(path: string, images: number, labels: number): void {
  if (images !== labels) throw new DataError(`${path}: ${images} images and ${labels} labels`, { fix: "fetch both files again" });
}

const numbered = (i: number): string => String(i).padStart(6, "0");
