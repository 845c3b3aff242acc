// @ts-check
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOfTree, filesUnder } from "./digest.mjs";
import { checkoutCure, explainSystemError, SetupFailure } from "./failure.mjs";
import { readJson, writeAtomically } from "./files.mjs";
import { formatDuration } from "./terminal.mjs";
import { runTool } from "./tool.mjs";

/** @typedef {import("./steps.mjs").Context} Context */

/** bin/evergreen.mjs compares its time with the sources'. */
const stampName = ".evergreen-program";

/**
 * dist/, the TypeScript of src/ as JavaScript with its data files beside it.
 * @type {import("./steps.mjs").Step}
 */
export const program = {
  name: "program",
  isFresh({ places }) {
    const stamp = readJson(join(places.dist, stampName));
    const sources = sourcesOf(places);
    if (stamp?.key !== keyOf(places, sources)) return false;
    if (!outputsOf(sources).every((file) => existsSync(join(places.dist, file)))) return false;
    touch(join(places.dist, stampName));
    return true;
  },
  async run(context) {
    const { places, terminal } = context;
    const began = Date.now();
    const sources = sourcesOf(places);
    const key = keyOf(places, sources);
    try {
      mkdirSync(places.dist, { recursive: true });
      removeStale(places.dist, outputsOf(sources));
      await compile(context, sources);
      for (const file of sources.filter((name) => !name.endsWith(".ts"))) copyIfOther(join(places.source, file), join(places.dist, file));
      writeAtomically(join(places.dist, stampName), `${JSON.stringify({ key })}\n`);
    } catch (error) {
      throw explainSystemError(error, places.dist, checkoutCure);
    }
    terminal.line("program", `dist/, ${outputsOf(sources).length} files in ${formatDuration(Date.now() - began)}`);
  },
};

/** @param {import("./places.mjs").Places} places */
function sourcesOf({ source }) {
  return filesUnder(source).filter((file) => !/\.test\.ts$|(^|\/)(fixtures|vectors)\/|\.(py|md)$/.test(file));
}

/**
 * @param {import("./places.mjs").Places} places
 * @param {readonly string[]} sources
 */
function keyOf({ root }, sources) {
  return digestOfTree(root, ["tsconfig.json", "package-lock.json", ...sources.map((file) => `src/${file}`)]);
}

/** @param {readonly string[]} sources */
function outputsOf(sources) {
  return sources.filter((file) => !file.endsWith(".d.ts")).map((file) => file.replace(/\.ts$/, ".js"));
}

/**
 * Catalogues list folders, so what a removed source left would still be offered.
 * @param {string} dist
 * @param {readonly string[]} outputs
 */
function removeStale(dist, outputs) {
  const known = new Set(outputs);
  for (const file of filesUnder(dist)) {
    if (!file.startsWith(".") && !file.startsWith("workers/") && !known.has(file.replace(/\.js\.map$/, ".js"))) rmSync(join(dist, file));
  }
}

/**
 * @param {Context} context
 * @param {readonly string[]} sources
 */
async function compile({ places, env, lock }, sources) {
  // tsc writes nothing for a file it believes to be there.
  if (!outputsOf(sources).every((file) => existsSync(join(places.dist, file)))) rmSync(join(places.dist, ".tsbuildinfo"), { force: true });
  const args = [join(places.modules, "typescript", "bin", "tsc"), "-p", join(places.root, "tsconfig.json"), "--pretty", "false"];
  const { code, output } = await runTool({ command: process.execPath, args, cwd: places.root, env, lock });
  if (code === 0) return;
  if (/ENOSPC|EACCES|EROFS|error TS5033/.test(output))
    throw new SetupFailure("resources", "EG-5102", `cannot write to ${places.dist}`, checkoutCure);
  const shown = output.trim().split("\n").slice(0, 30).join("\n    ");
  throw new SetupFailure(
    "data",
    "EG-4104",
    `the TypeScript of src/ does not compile:\n    ${shown}`,
    "mend the lines above, then run the same command again",
  );
}

/**
 * @param {string} from
 * @param {string} to
 */
function copyIfOther(from, to) {
  const [wanted, there] = [statSync(from), statSync(to, { throwIfNoEntry: false })];
  if (there !== undefined && there.size === wanted.size && there.mtimeMs >= wanted.mtimeMs) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.tmp`);
  renameSync(`${to}.tmp`, to);
}

/** @param {string} file */
function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // A checkout that cannot be written keeps the time of its build.
  }
}
