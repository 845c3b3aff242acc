import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { RunStore } from "../runs/store.ts";
import { nearest, UsageError } from "../util/errors.ts";

/** Folder of all runs: the flag, else `EVERGREEN_RUNS`, else `./runs`. */
export function runsRoot(flag: string | undefined, env: Readonly<Record<string, string | undefined>> = process.env): string {
  return resolve(flag ?? env.EVERGREEN_RUNS ?? "runs");
}

export const openStore = (flag: string | undefined): RunStore => new RunStore(runsRoot(flag));

/** A run file as the user names it: a path, or `preset:NAME`. @throws {UsageError} for a preset that does not ship. */
export function runFile(name: string): string {
  if (!name.startsWith("preset:")) return name;
  const preset = name.slice("preset:".length);
  const path = `${presetFolder}${preset}.yaml`;
  if (/^[\w.-]+$/.test(preset) && existsSync(path)) return path;
  const known = readdirSync(presetFolder).flatMap((file) => (file.endsWith(".yaml") ? [file.slice(0, -5)] : []));
  const near = nearest(preset, known);
  throw new UsageError(`no preset "${preset}"`, near ? `did you mean preset:${near}?` : `one of: ${known.sort().join(", ")}`);
}
