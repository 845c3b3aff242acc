// @ts-check
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** @typedef {Readonly<Record<string, string | undefined>>} Env */

/**
 * The folders and files that set-up reads and writes.
 * @param {string} root the checkout
 * @param {Env} env
 */
export function placesOf(root, env) {
  return {
    root,
    cache: cacheFolder(env),
    native: join(root, "native"),
    source: join(root, "src"),
    modules: join(root, "node_modules"),
    dist: join(root, "dist"),
    build: join(root, "build"),
    addon: join(root, "build", "evergreen.node"),
    main: join(root, "dist", "cli", "main.js"),
    lock: join(root, ".evergreen", "setup.lock"),
  };
}
/** @typedef {ReturnType<typeof placesOf>} Places */

/**
 * `EVERGREEN_CACHE`, else the user's cache folder.
 * @param {Env} env
 */
export function cacheFolder(env) {
  if (env.EVERGREEN_CACHE) return resolve(env.EVERGREEN_CACHE);
  if (env.XDG_CACHE_HOME) return resolve(env.XDG_CACHE_HOME, "evergreen");
  return join(env.HOME || homedir(), ".cache", "evergreen");
}
