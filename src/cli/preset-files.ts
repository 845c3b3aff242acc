import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { nearest, UsageError } from "../util/errors.ts";

/** A run file that comes with Evergreen. */
export interface PresetFile {
  readonly name: string;
  readonly text: string;
}

/** All of them, by name. */
export function presetFiles(): readonly PresetFile[] {
  return readdirSync(presetFolder)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .map((file) => ({ name: file.slice(0, -".yaml".length), text: readFileSync(join(presetFolder, file), "utf8") }));
}

/** What a preset says of itself: the first sentence of its leading comment. */
export function presetSummary({ text }: PresetFile): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  const comment = lines.slice(0, end < 0 ? lines.length : end).map((line) => line.replace(/^#\s?/, ""));
  return comment.join(" ").split(/(?<=\.)\s/)[0] ?? "";
}

/** @throws {UsageError} for a name that no preset has; with or without `preset:` in front. */
export function presetFile(given: string): PresetFile {
  const name = given.replace(/^preset:/, "");
  const files = presetFiles();
  const found = files.find((file) => file.name === name);
  if (found) return found;
  const names = files.map((file) => file.name);
  const near = nearest(name, names);
  throw new UsageError(`no preset is called "${name}"`, near ? `did you mean: ${near}` : `one of: ${names.join(", ")}`);
}
