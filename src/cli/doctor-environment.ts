import { resolve } from "node:path";
import { usualSpin } from "../util/idle-threads.ts";
import { cacheRoot, dataFolder, type Env } from "../util/paths.ts";

/** A variable that Evergreen or the libraries below it read. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly origin: "environment" | "built in";
  readonly about: string;
}

const ours: readonly (readonly [name: string, about: string, builtIn: (env: Env) => string])[] = [
  ["EVERGREEN_CACHE", "downloads and built data", (env) => cacheRoot(env)],
  ["EVERGREEN_DATA", "the benchmark's data sets and pretraining pools", (env) => dataFolder(env)],
  ["EVERGREEN_RUNS", "folder of all runs", () => resolve("runs")],
  ["EVERGREEN_SET", "settings over every run file, parted by ; or line ends", () => "none"],
  ["EVERGREEN_KERNELS", "reference turns the choice of kernels off", () => "auto"],
  ["EVERGREEN_LIBTORCH", "folder of a libtorch to use instead of the fetched one", () => "the fetched one"],
  ["EVERGREEN_ADDON", "the engine's file", () => "what npm run build made"],
  ["OMP_NUM_THREADS", "compute threads of libraries; a run's engine.threads decides", () => "not set"],
  ["OMP_WAIT_POLICY", "how idle threads wait", () => "PASSIVE"],
  ["GOMP_SPINCOUNT", "turns for which an idle thread spins before it sleeps", () => usualSpin],
  ["NO_COLOR", "no colours", () => "not set"],
  ["COLUMNS", "width of tables", () => "the terminal's"],
];

/** Our variables with their values and where those come from. */
export function variablesOf(env: Env): readonly Variable[] {
  return ours.map(([name, about, builtIn]) => {
    const value = env[name];
    return value === undefined || value === ""
      ? { name, value: builtIn(env), origin: "built in", about }
      : { name, value, origin: "environment", about };
  });
}
