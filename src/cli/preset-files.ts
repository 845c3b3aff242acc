import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { hint, UsageError } from "../util/errors.ts";

/** A run file that comes with Evergreen. */
export interface PresetFile {
  readonly name: string;
  readonly text: string;
}

/** All of them, by name. */
export const presetFiles = (): readonly PresetFile[] =>
  presetNames().map((name) => ({ name, text: readFileSync(presetPath(name), "utf8") }));

function presetNames(): readonly string[] {
  return readdirSync(presetFolder)
    .flatMap((file) => (file.endsWith(".yaml") ? [file.slice(0, -".yaml".length)] : []))
    .sort();
}

/** What a preset says of itself: the first sentence of its leading comment. */
export function presetSummary({ text }: PresetFile): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  const comment = lines.slice(0, end < 0 ? lines.length : end).map((line) => line.replace(/^#\s?/, ""));
  return comment.join(" ").split(/(?<=\.)\s/)[0] ?? "";
}

/** The path of a preset, given with or without `preset:` in front. @throws {UsageError} for one that does not ship. */
export function presetPath(given: string): string {
  const name = given.replace(/^preset:/, "");
  const names = presetNames();
  if (names.includes(name)) return join(presetFolder, `${name}.yaml`);
  const known = names.map((each) => `preset:${each}`);
  throw new UsageError(`no preset "${name}"`, hint(`preset:${name}`, known));
}
