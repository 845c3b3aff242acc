import { resolve } from "node:path";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { RunStore } from "../runs/store.ts";

/** Folder of all runs: the flag, else `EVERGREEN_RUNS`, else `./runs`. */
export function runsRoot(flag: string | undefined, env: Readonly<Record<string, string | undefined>> = process.env): string {
  return resolve(flag ?? env.EVERGREEN_RUNS ?? "runs");
}

export const openStore = (flag: string | undefined): RunStore => new RunStore(runsRoot(flag));

/** A run file as the user names it: a path, or `preset:NAME`. */
export function runFile(name: string): string {
  return name.startsWith("preset:") ? `${presetFolder}${name.slice("preset:".length)}.yaml` : name;
}
