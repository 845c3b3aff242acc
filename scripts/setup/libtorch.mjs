// @ts-check
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { filesUnder } from "./digest.mjs";
import { fetchWheel } from "./download.mjs";
import { cacheCure, diskFull, explainSystemError, SetupFailure } from "./failure.mjs";
import { readJson, writeAtomically } from "./files.mjs";
import { acquireLock } from "./lock.mjs";
import { detectLibc, findClient } from "./machine.mjs";
import { isTaken, recipeOf, refusalOf, torchVersion } from "./recipe.mjs";
import { formatBytes, formatDuration } from "./terminal.mjs";
import { unpackZip } from "./zip.mjs";

/**
 * @typedef {import("./recipe.mjs").Recipe} Recipe
 * @typedef {{ env: NodeJS.ProcessEnv, cache: string, terminal: import("./terminal.mjs").Terminal, recipe?: Recipe, freeBytes?: (folder: string) => number }} Asking
 * @typedef {{ root: string, version: string, origin: "EVERGREEN_LIBTORCH" | "cache" }} Libtorch
 */

const manifestName = "evergreen.json";
const format = { name: "evergreen-libtorch", number: 1 };
/** Headers and libraries, unpacked. */
const unpackedBytes = 520e6;
const heldBack = 200e6;

/**
 * The libtorch that is here already: the user's own, else the cache's. Cheap: a few files are looked at, none is read whole.
 * @param {{ env: NodeJS.ProcessEnv, cache: string, recipe?: Recipe }} asking
 * @returns {Libtorch | undefined}
 * @throws {SetupFailure} EG-5113 when EVERGREEN_LIBTORCH names something else
 */
export function findLibtorch({ env, cache, recipe = recipeOf(process) }) {
  if (env.EVERGREEN_LIBTORCH) return ownLibtorch(env.EVERGREEN_LIBTORCH);
  if (recipe === undefined) return undefined;
  const folder = join(cache, "libtorch", recipe.key);
  const manifest = readJson(join(folder, manifestName));
  if (manifest?.format?.name !== format.name || manifest.format.number !== format.number) return undefined;
  const whole = Object.entries(manifest.libraries).every(
    ([name, size]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === size,
  );
  if (!whole || !existsSync(join(folder, "torch", "include", "ATen", "ATen.h"))) return undefined;
  return { root: join(folder, "torch"), version: manifest.version, origin: "cache" };
}

/** @param {string} root */
function ownLibtorch(root) {
  const library = process.platform === "darwin" ? "libtorch_cpu.dylib" : "libtorch_cpu.so";
  const missing = [`lib/${library}`, "include/ATen/ATen.h"].find((name) => !existsSync(join(root, name)));
  if (missing !== undefined) {
    throw new SetupFailure(
      "resources",
      "EG-5113",
      `EVERGREEN_LIBTORCH is ${root}, which has no ${missing}`,
      "set it to the folder that holds lib/ and include/ (python3 -c 'import torch; print(torch.__path__[0])'), or unset it",
    );
  }
  return /** @type {Libtorch} */ ({ root, version: versionOf(root), origin: "EVERGREEN_LIBTORCH" });
}

/** @param {string} root */
function versionOf(root) {
  const places = ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"].map((name) => join(root, "include", name));
  const text = places
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const parts = ["MAJOR", "MINOR", "PATCH"].map((part) => new RegExp(`define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1]);
  return parts.includes(undefined) ? "unknown" : parts.join(".");
}

/**
 * The libtorch to build against, fetched into the cache when there is none.
 * @param {Asking} asking
 * @returns {Promise<Libtorch>}
 */
export async function provideLibtorch(asking) {
  const { env, cache, terminal, recipe = recipeOf(process) } = asking;
  const found = findLibtorch({ ...asking, ...(recipe === undefined ? {} : { recipe }) });
  if (found !== undefined) {
    if (found.origin === "EVERGREEN_LIBTORCH" && !found.version.startsWith(torchVersion)) {
      terminal.line("libtorch", `EVERGREEN_LIBTORCH is version ${found.version}; ${torchVersion} is the one that is tested`);
    }
    return found;
  }
  const client = await findClient(env);
  const refusal = refusalOf({ platform: process.platform, arch: process.arch, ...detectLibc(), client: client?.kind });
  if (refusal !== undefined) throw new SetupFailure("resources", refusal.code, refusal.message, refusal.fix);
  if (client === undefined || recipe === undefined) throw new Error("no refusal, and yet no client or recipe");
  const folder = join(cache, "libtorch");
  makeCacheFolder(folder);
  const lock = await acquireLock(join(folder, `${recipe.key}.lock`), {
    onWait: ({ pid }) => terminal.line("libtorch", `waiting for the set-up that fetches it already (process ${pid})`),
  });
  try {
    return findLibtorch({ env, cache, recipe }) ?? (await fetchLibtorch({ ...asking, recipe, client, lock, folder }));
  } catch (error) {
    throw explainSystemError(error, folder, cacheCure);
  } finally {
    lock.release();
  }
}

/** @param {string} folder */
function makeCacheFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error;
    if (code === "ENOSPC") throw diskFull(folder);
    throw new SetupFailure("resources", "EG-5102", `cannot make the cache folder ${folder} (${code})`, cacheCure);
  }
}

/**
 * @param {Asking & { recipe: Recipe, client: import("./machine.mjs").Client, lock: import("./lock.mjs").Lock, folder: string }} asking
 * @returns {Promise<Libtorch>}
 */
async function fetchLibtorch({ env, cache, terminal, recipe, client, lock, folder, freeBytes = freeBytesOf }) {
  const staging = join(folder, `.staging-${recipe.key}`);
  const tree = join(staging, "tree");
  mkdirSync(staging, { recursive: true });
  checkRoom(recipe, staging, freeBytes);
  if (!recipe.tried)
    terminal.line("libtorch", `nobody has tried this on ${process.platform} ${process.arch} yet; the version is pinned, its digest is not`);
  rmSync(tree, { recursive: true, force: true });
  const wheels = [];
  for (const wheel of recipe.wheels)
    wheels.push({ wheel, arrived: await fetchWheel(recipe, wheel, { client, env, terminal, lock, staging }) });
  for (const { wheel, arrived } of wheels) {
    if ("archive" in arrived) await unpackWheel(arrived.archive, { tree, wheel, terminal });
    else await keepTaken(arrived.folder, tree, wheel);
  }
  finish(recipe, tree);
  const target = join(folder, recipe.key);
  rmSync(target, { recursive: true, force: true });
  renameSync(tree, target);
  rmSync(staging, { recursive: true, force: true });
  const found = findLibtorch({ env, cache, recipe });
  if (found === undefined)
    throw new SetupFailure("data", "EG-4103", `the libtorch in ${target} is not whole`, "run the same command again");
  return found;
}

/** @param {string} folder */
function freeBytesOf(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/**
 * @param {Recipe} recipe
 * @param {string} staging
 * @param {(folder: string) => number} freeBytes
 */
function checkRoom(recipe, staging, freeBytes) {
  const download = recipe.wheels.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  // Small recipes are what tests fetch; a real one unpacks to about half a gigabyte.
  const needed = download < 50e6 ? download * 20 : download + unpackedBytes + heldBack;
  const free = freeBytes(staging);
  if (free < needed)
    throw diskFull(staging, `: libtorch needs ${formatBytes(needed)} while it is unpacked and ${formatBytes(free)} are free`);
}

/**
 * @param {string} archive
 * @param {{ tree: string, wheel: import("./recipe.mjs").Wheel, terminal: import("./terminal.mjs").Terminal }} job
 */
async function unpackWheel(archive, { tree, wheel, terminal }) {
  const began = Date.now();
  let total = 0;
  const sizes = await unpackZip(
    archive,
    tree,
    (name) => isTaken(wheel, name),
    (bytes, files) => {
      total = bytes;
      terminal.progress("libtorch", `unpacking ${wheel.name}: ${files} files, ${formatBytes(bytes)}`);
    },
  );
  terminal.line("libtorch", `${wheel.name} unpacked: ${sizes.size} files, ${formatBytes(total)} in ${formatDuration(Date.now() - began)}`);
}

/**
 * @param {string} folder
 * @param {string} tree
 * @param {import("./recipe.mjs").Wheel} wheel
 */
async function keepTaken(folder, tree, wheel) {
  for (const name of filesUnder(folder)) {
    if (isTaken(wheel, name)) await cp(join(folder, name), join(tree, name));
  }
}

/**
 * Checks that every library is there and writes the manifest, the last file before the folder gets its name.
 * @param {Recipe} recipe
 * @param {string} tree
 */
function finish(recipe, tree) {
  const libraries = recipe.libraries.map((name) => {
    const size = statSync(join(tree, name), { throwIfNoEntry: false })?.size;
    if (size === undefined)
      throw new SetupFailure(
        "data",
        "EG-4103",
        `the wheels of libtorch ${recipe.version} have no ${name}`,
        "set EVERGREEN_LIBTORCH to a libtorch folder",
      );
    return [name, size];
  });
  const digests = Object.fromEntries(recipe.wheels.map(({ name, version, sha256 }) => [`${name}==${version}`, sha256 ?? null]));
  writeAtomically(
    join(tree, manifestName),
    `${JSON.stringify({ format, version: recipe.version, digests, libraries: Object.fromEntries(libraries) }, null, 2)}\n`,
  );
}
