import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, reasonOf } from "../data-error.ts";
import type { ImageLocation, Split } from "../source.ts";
import { linesIn } from "../text-lines.ts";

/** A sample as a layout names it. */
export interface FoundItem {
  /** Relative to the root, the same on every machine. */
  readonly key: string;
  /** Place in the list of classes; undefined in a set of captions. */
  readonly label?: number;
  /** What people wrote of the picture; absent in a set of classes. */
  readonly captions?: readonly string[];
  readonly split: Split;
  readonly image: ImageLocation;
  readonly bytes: number | undefined;
}

/** What a reader finds under a root. */
export interface FoundSet {
  readonly items: readonly FoundItem[];
  /** In label order; undefined where the files have numbers alone, empty in a set of captions. */
  readonly classNames: readonly string[] | undefined;
}

/** Reads a set under a root. @throws {DataError} naming the file that is missing or wrong. */
export type LayoutReader = (root: string) => FoundSet;

/** Samples with class names, before the names are numbered. */
export type NamedItem = Omit<FoundItem, "label"> & { readonly className: string };

/** Labels by the sorted names, or by the order of a given list. @throws {DataError} for a name that is not in it. */
export function labelled(items: readonly NamedItem[], list?: readonly string[]): FoundSet {
  const classNames = list ?? [...new Set(items.map(({ className }) => className))].sort();
  const labels = new Map(classNames.map((name, label) => [name, label]));
  return {
    classNames,
    items: items.map(({ className, ...item }) => {
      const label = labels.get(className);
      if (label === undefined) throw new DataError(`${item.key}: class "${className}" is not in the list of classes`);
      return { ...item, label };
    }),
  };
}

/** The first seven tenths of each class, in the order of file names, are for training, the rest for testing. */
export function firstSeventyPercent(items: readonly NamedItem[]): readonly NamedItem[] {
  const byClass = new Map<string, NamedItem[]>();
  for (const item of items) {
    const own = byClass.get(item.className);
    if (own) own.push(item);
    else byClass.set(item.className, [item]);
  }
  return [...byClass.values()].flatMap((own) => {
    const sorted = own.sort((a, b) => (a.key < b.key ? -1 : 1));
    const train = Math.floor((7 * sorted.length) / 10);
    return sorted.map((item, i) => ({ ...item, split: i < train ? ("train" as const) : ("test" as const) }));
  });
}

/** An image file as a sample. */
export function fileItem(root: string, key: string): Pick<FoundItem, "key" | "image" | "bytes"> {
  const path = join(root, key);
  return { key, image: { kind: "file", path }, bytes: statSync(path, { throwIfNoEntry: false })?.size };
}

/** A file that a person adds to the root, in it or in its `00_info`; undefined where it is in neither. */
export const fileBeside = (root: string, name: string): string | undefined =>
  [join(root, name), join(root, "00_info", name)].find((path) => existsSync(path));

/** Lines of a text file that are not empty. */
export const linesOf = (path: string): readonly string[] => linesIn(textOf(path));

/** @throws {DataError} for a file that cannot be read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new DataError(`${path}: cannot be read (${reasonOf(error)})`, { cause: error });
  }
}
