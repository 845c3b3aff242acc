import { opendirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isPrepared, readManifest } from "./prepared-files.ts";
import type { RegisteredSet } from "./registry.ts";

/** Where the registered data sets lie, in the layout of the published benchmark. */
export interface DataRoot {
  /** Holds `<FOLDER>/` or `<FOLDER>.tar` of each set. */
  readonly root: string;
  /** Where info files and class lists are looked for, in this order. */
  readonly info: readonly string[];
}

/** A data root; info files lie in `info`, or, where none is given, beside the sets or in `00_info` as the published code names it. */
export function dataRoot(root: string, info?: string): DataRoot {
  return { root, info: info === undefined ? [root, join(root, "00_info")] : [info] };
}

/** What of a set lies under a data root. */
export interface SetStatus {
  /** Ready has all that its role needs; partial has something, absent nothing. */
  readonly state: "ready" | "partial" | "absent";
  /** Path of the folder or tar with the pictures. */
  readonly images?: string;
  /** Paths of the info files and the class list that were found. */
  readonly info: readonly string[];
  /** Names, relative to the root and the info folder, of what the role needs and nobody found. */
  readonly missing: readonly string[];
}

/** Folders with finished prepared copies in a root or right below it, by the names of the sets that they hold. */
export function preparedCopies(root: string): ReadonlyMap<string, string> {
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) return new Map();
  const below = readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(root, entry.name)] : []));
  const folders = [root, ...below.sort()].filter(isPrepared);
  return new Map(folders.reverse().flatMap((folder) => readManifest(folder).sets.map(({ name }) => [name, folder] as const)));
}

/** Looks for a set's pictures, info files and class list by name; reads none of them. */
export function statusOf(set: RegisteredSet, { root, info }: DataRoot): SetStatus {
  const images = imagesOf(set, root);
  const found = neededFiles(set).map(({ names }) => names.flatMap((name) => firstFile(info, name) ?? []));
  const missing = [
    ...(images === undefined ? [`${set.folder}/`] : []),
    ...neededFiles(set).flatMap(({ names }, i) => (found[i]?.length === 0 ? names.slice(0, 1) : [])),
  ];
  const infoFiles = found.flat();
  const state = missing.length === 0 ? "ready" : images === undefined && infoFiles.length === 0 ? "absent" : "partial";
  return { state, ...(images === undefined ? {} : { images }), info: infoFiles, missing };
}

/** A file of a set that its role needs. */
export interface NeededFile {
  readonly holds: "train" | "test" | "classes";
  /** Any of them will do: the one for the originals, then the one for the copy resized to 224 px. */
  readonly names: readonly string[];
}

/** Info files and class list of a set: both parts of what is streamed, the test part of what is only evaluated, and names where there are classes. */
export function neededFiles({ folder, role, parts, resized, classes }: RegisteredSet): readonly NeededFile[] {
  const infoOf = (part: string): readonly string[] => [`${folder}_${part}.json`, ...(resized ? [`${folder}_${part}_224.json`] : [])];
  return [
    ...(role === "adapt" && parts.train !== null ? [{ holds: "train", names: infoOf(parts.train) } as const] : []),
    { holds: "test", names: infoOf(parts.test) },
    ...(classes.list > 0 ? [{ holds: "classes", names: [`${folder}_classnames.json`] } as const] : []),
  ];
}

/** A folder that holds something, or a tar. */
function imagesOf({ folder }: RegisteredSet, root: string): string | undefined {
  const path = join(root, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() && holdsSomething(path)) return path;
  return firstFile([root], `${folder}.tar`);
}

/** Looks at no more than the first entry: some folders hold a million. */
function holdsSomething(folder: string): boolean {
  const entries = opendirSync(folder);
  try {
    return entries.readSync() !== null;
  } finally {
    entries.closeSync();
  }
}

function firstFile(folders: readonly string[], name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}
