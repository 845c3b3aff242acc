import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expandBraces } from "./brace-list.ts";
import { DataError } from "./data-error.ts";
import { datasetName } from "./source-options.ts";

/** The files that a path, a brace list or a folder names, sorted. @throws {DataError} for one that is missing, and for none. */
export function filesOf(path: string, ending: RegExp): readonly string[] {
  const named = expandBraces(path).flatMap((each) => {
    const facts = statSync(each, { throwIfNoEntry: false });
    if (!facts) throw new DataError(`${each}: there is no such file${each === path ? "" : ` (named by ${path})`}`);
    return facts.isDirectory() ? filesIn(each, ending) : [each];
  });
  if (named.length === 0) throw new DataError(`${path}: holds no file that ends in ${ending.source.replace(/\\|\$/g, "")}`);
  return [...new Set(named)].sort();
}

function filesIn(folder: string, ending: RegExp): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && ending.test(entry.name) && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Whether a path without a scheme names such files: an existing one, a folder that holds some, or a brace list of them. */
export function namesFiles(path: string, ending: RegExp): boolean {
  if (path.includes("{")) return ending.test(path);
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts?.isDirectory() === true ? filesIn(path, ending).length > 0 : facts?.isFile() === true && ending.test(path);
}

/** A name for many files is their folder's. */
export function namesake(path: string): string {
  return path.includes("{") ? basename(dirname(path.slice(0, path.indexOf("{") + 1))) : datasetName(path);
}
