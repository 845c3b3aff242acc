import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Environment variables as they are handed in; `process.env` fits. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where downloads and built data lie: `EVERGREEN_CACHE`, else the user's cache folder. The set-up scripts follow the same rule. */
export function cacheRoot(env: Env): string {
  if (env.EVERGREEN_CACHE) return resolve(env.EVERGREEN_CACHE);
  if (env.XDG_CACHE_HOME) return resolve(env.XDG_CACHE_HOME, "evergreen");
  return join(env.HOME || homedir(), ".cache", "evergreen");
}

/** Where the benchmark's data sets and pretraining pools lie: `EVERGREEN_DATA`, else `data` in the cache. */
export function dataFolder(env: Env): string {
  return env.EVERGREEN_DATA ? resolve(env.EVERGREEN_DATA) : join(cacheRoot(env), "data");
}
