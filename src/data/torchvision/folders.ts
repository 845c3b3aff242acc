import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../data-error.ts";
import type { ImageLocation, Split } from "../source.ts";
import { classNameOf } from "../source-options.ts";
import { type FoundItem, fileItem, firstSeventyPercent, type LayoutReader, labelled, type NamedItem } from "./found-set.ts";

/** A tree with a folder for each class. */
export interface FolderLayout {
  /** Folders of classes below the root, by part; one for both where a rule divides it. */
  readonly parts: Readonly<Partial<Record<Split, string>>> | string;
  /** Endings of its pictures, in lower case. */
  readonly endings: readonly string[];
  /** Class folders that are not taken. */
  readonly skips?: readonly string[];
  /** Takes every n-th of the sorted class folders. */
  readonly every?: number;
  /** Part of a folder's name in front of the class. */
  readonly prefix?: RegExp;
  /** Folders are named by numbers or codes, which are no words to prompt with. */
  readonly isNumbered?: true;
}

/** Reads such a tree. */
export function folders(layout: FolderLayout): LayoutReader {
  const { parts } = layout;
  const sides: readonly (readonly [Split, string])[] =
    typeof parts === "string"
      ? [["train", parts]]
      : (["train", "test"] as const).flatMap((split) => (parts[split] ? [[split, parts[split]] as const] : []));
  return (root) => {
    const found = sides.flatMap(([split, base]) => itemsBelow(root, base, { ...layout, split }));
    const set = labelled(typeof parts === "string" ? firstSeventyPercent(found) : found);
    return layout.isNumbered ? { ...set, classNames: undefined } : set;
  };
}

function itemsBelow(root: string, base: string, layout: FolderLayout & { readonly split: Split }): readonly NamedItem[] {
  const { split, endings, skips = [], every = 1, prefix, isNumbered } = layout;
  const classes = foldersIn(join(root, base)).filter((name) => !skips.includes(name));
  return classes
    .filter((_, i) => i % every === 0)
    .flatMap((folder) => {
      const className = isNumbered ? folder : classNameOf(folder.replace(prefix ?? "", ""));
      return filesIn(join(root, base, folder), endings).map((name) => ({
        ...pictureAt(root, `${base}/${folder}/${name}`),
        className,
        split,
      }));
    });
}

function foldersIn(path: string): readonly string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new DataError(`${path}: there is no such folder`);
  const entries = readdirSync(path, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

const filesIn = (path: string, endings: readonly string[]): readonly string[] =>
  readdirSync(path)
    .filter((name) => endings.some((ending) => name.toLowerCase().endsWith(ending)))
    .sort();

function pictureAt(root: string, key: string): Pick<FoundItem, "key" | "image" | "bytes"> {
  const item = fileItem(root, key);
  const pixels = key.toLowerCase().endsWith(".ppm") ? ppmPixels(join(root, key)) : undefined;
  return pixels ? { ...item, image: pixels } : item;
}

/** Where the pixels of a binary PPM lie: it needs no decoder. @throws {DataError} for another kind. */
function ppmPixels(path: string): ImageLocation {
  const head = Buffer.alloc(512);
  const file = openSync(path, "r");
  let length: number;
  try {
    length = readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  // Comments may stand between the numbers; one blank is between the last number and the pixels.
  const match = /^P6(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+255\s/.exec(head.toString("latin1", 0, length));
  if (!match) throw new DataError(`${path}: expected a binary PPM of 8 bits`, { fix: "fetch the set again" });
  return { kind: "raw", path, offset: match[0].length, width: Number(match[1]), height: Number(match[2]) };
}
