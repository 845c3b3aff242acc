import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { RunStore } from "../runs/store.ts";
import { UsageError } from "../util/errors.ts";
import { presetPath } from "./preset-files.ts";

/** Folder of all runs: the flag, else `EVERGREEN_RUNS`, else `./runs`. */
export function runsRoot(flag: string | undefined, env: Readonly<Record<string, string | undefined>> = process.env): string {
  return resolve(flag ?? env.EVERGREEN_RUNS ?? "runs");
}

export const openStore = (flag: string | undefined): RunStore => new RunStore(runsRoot(flag));

/** A run file as the user names it: a path, or `preset:NAME`. @throws {UsageError} for a preset that does not ship. */
export function runFile(name: string): string {
  return name.startsWith("preset:") ? presetPath(name) : name;
}

/** The run files that were named with -C, or the one that lies here. @throws {UsageError} when there is none. */
export function runFiles(named: readonly string[] | undefined): readonly string[] {
  const files = named ?? (existsSync("evergreen.yaml") ? ["evergreen.yaml"] : []);
  if (files.length === 0) throw new UsageError("no run file", "give one with -C FILE, or write one: evergreen init --from FOLDER");
  return files.map(runFile);
}
