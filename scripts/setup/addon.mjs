// @ts-check
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { digestOfTree, filesUnder } from "./digest.mjs";
import { checkoutCure, explainSystemError, SetupFailure } from "./failure.mjs";
import { readJson, writeAtomically } from "./files.mjs";
import { findLibtorch, provideLibtorch } from "./libtorch.mjs";
import { formatBytes, formatDuration } from "./terminal.mjs";
import { findProgram, runTool } from "./tool.mjs";

/**
 * @typedef {import("./steps.mjs").Context} Context
 * @typedef {import("./libtorch.mjs").Libtorch} Libtorch
 */

/** What one compiler takes with libtorch's headers. */
const compilerBytes = 1.5e9;

/**
 * The native addon, build/evergreen.node, and the libtorch it links.
 * @type {import("./steps.mjs").Step}
 */
export const addon = {
  name: "addon",
  isFresh({ places, env }) {
    const libtorch = findLibtorch({ env, cache: places.cache });
    if (libtorch === undefined) return false;
    const stamp = readJson(join(places.build, "addon.json"));
    return stamp?.key === keyOf(places, libtorch) && statSync(places.addon, { throwIfNoEntry: false })?.size === stamp.bytes;
  },
  async run(context) {
    const { places, env, terminal } = context;
    const libtorch = await provideLibtorch({ env, cache: places.cache, terminal });
    await build(context, libtorch);
  },
};

/**
 * @param {import("./places.mjs").Places} places
 * @param {Libtorch} libtorch
 */
function keyOf({ root, native }, libtorch) {
  const sources = filesUnder(native).map((file) => `native/${file}`);
  const headers = ["node-api-headers", "node-addon-api"].map((name) => readJson(join(root, "node_modules", name, "package.json"))?.version);
  return digestOfTree(root, sources, { root, libtorch, headers });
}

/**
 * @param {Context} context
 * @param {Libtorch} libtorch
 */
async function build(context, libtorch) {
  const { places, terminal } = context;
  const began = Date.now();
  const key = keyOf(places, libtorch);
  const made = join(places.build, "cmake");
  try {
    mkdirSync(places.build, { recursive: true });
    await configure(context, libtorch, made);
    await compile(context, made);
    // The old file may be mapped by a running process: it keeps its content under its old inode.
    const temporary = `${places.addon}.${process.pid}.tmp`;
    copyFileSync(join(made, "evergreen.node"), temporary);
    renameSync(temporary, places.addon);
    const bytes = statSync(places.addon).size;
    writeAtomically(join(places.build, "addon.json"), `${JSON.stringify({ key, bytes, libtorch }, null, 2)}\n`);
    terminal.line("addon", `build/evergreen.node, ${formatBytes(bytes)} in ${formatDuration(Date.now() - began)}`);
  } catch (error) {
    throw explainSystemError(error, places.build, checkoutCure);
  }
}

/**
 * @param {Context} context
 * @param {Libtorch} libtorch
 * @param {string} made
 */
async function configure({ places, env, lock }, libtorch, made) {
  const cmake = findProgram(["cmake"], env);
  if (cmake === undefined) {
    throw new SetupFailure(
      "resources",
      "EG-5115",
      "CMake was not found",
      "install it (Debian and Ubuntu: apt install cmake; Fedora: dnf install cmake; macOS: brew install cmake)",
    );
  }
  const compiler = env.CXX || findProgram(["c++", "g++", "clang++"], env);
  if (compiler === undefined) throw noCompiler("no C++ compiler was found");
  const generator = findProgram(["ninja"], env) !== undefined ? "Ninja" : "Unix Makefiles";
  if (generator !== "Ninja" && findProgram(["make", "gmake"], env) === undefined) throw noCompiler("neither make nor ninja was found");
  const options = {
    CMAKE_BUILD_TYPE: "Release",
    CMAKE_CXX_COMPILER: compiler,
    LIBTORCH: libtorch.root,
    NODE_API_HEADERS: join(places.modules, "node-api-headers"),
    NODE_ADDON_API: join(places.modules, "node-addon-api"),
  };
  const settings = JSON.stringify({ options, generator, libtorch, native: places.native });
  if (readOrEmpty(join(made, "settings.json")) === settings) return;
  // CMake keeps paths of its first run, so other settings mean another beginning.
  rmSync(made, { recursive: true, force: true });
  const args = ["-G", generator, "-S", places.native, "-B", made, ...Object.entries(options).map(([name, value]) => `-D${name}=${value}`)];
  const { code, output } = await runTool({ command: cmake, args, env, lock });
  if (code !== 0) throw explainConfigure(output);
  writeAtomically(join(made, "settings.json"), settings);
}

/** @param {string} file */
function readOrEmpty(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** @param {string} message */
function noCompiler(message) {
  return new SetupFailure(
    "resources",
    "EG-5116",
    message,
    "install one (Debian and Ubuntu: apt install g++ make; Fedora: dnf install gcc-c++ make; macOS: xcode-select --install)",
  );
}

/** @param {string} output */
function explainConfigure(output) {
  if (/CMAKE_CXX_COMPILER|No CMAKE_CXX_COMPILER|compiler .* is not able|is not a full path/i.test(output))
    return noCompiler("CMake found no C++ compiler that works");
  if (/OpenMP/.test(output))
    return new SetupFailure(
      "resources",
      "EG-5116",
      "the C++ compiler has no OpenMP",
      "use g++ 11 or newer (CXX=g++), or install the compiler's OpenMP package (libomp)",
    );
  if (/CMake \d[\d.]* or higher is required/.test(output))
    return new SetupFailure(
      "resources",
      "EG-5115",
      "CMake is older than 3.18",
      "install a newer one (pip install cmake, or your distribution's package)",
    );
  return new SetupFailure(
    "resources",
    "EG-5117",
    `CMake could not configure the addon:\n    ${output.trim().split("\n").slice(-12).join("\n    ")}`,
    "mend what CMake says and run the same command again",
  );
}

/**
 * @param {Context} context
 * @param {string} made
 */
async function compile({ env, lock, terminal }, made) {
  const cmake = findProgram(["cmake"], env) ?? "cmake";
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / compilerBytes)));
  const began = Date.now();
  let state = "compiling";
  const watch = setInterval(() => terminal.progress("addon", `${state}, ${formatDuration(Date.now() - began)}`), 250);
  /** @param {string} line */
  const onLine = (line) => {
    const found = /^\[\s*(\d+\/\d+|\d+%)\]/.exec(line);
    if (found) state = `compiling ${found[1]}`;
  };
  const { code, output } = await runTool({
    command: cmake,
    args: ["--build", made, "--parallel", String(jobs)],
    env,
    lock,
    onLine,
  }).finally(() => clearInterval(watch));
  if (code !== 0) throw explainCompile(output);
}

/** @param {string} output */
function explainCompile(output) {
  if (/No space left on device/i.test(output))
    return new SetupFailure(
      "resources",
      "EG-5103",
      "the disk is full, the addon was not compiled",
      "free some space and run the same command again",
    );
  if (/unrecognized command.line option .*-std=(c|gnu)\+\+20|CXX20|cxx_std_20|C\+\+20/.test(output))
    return noCompiler("the C++ compiler does not know C++20 (g++ 11 or clang 14 is needed)");
  if (/Killed|out of memory|cannot allocate memory/i.test(output)) {
    return new SetupFailure(
      "resources",
      "EG-5118",
      "the compiler ran out of memory",
      "give the machine 2 GB of free memory (or swap) and run the same command again",
    );
  }
  const errors = output
    .split("\n")
    .filter((line) => /error|undefined reference/i.test(line))
    .slice(0, 20);
  const shown = (errors.length > 0 ? errors : output.trim().split("\n").slice(-20)).join("\n    ");
  return new SetupFailure(
    "resources",
    "EG-5117",
    `the addon does not compile:\n    ${shown}`,
    "mend the source, or if it was not changed use g++ 11 or newer (CXX=g++-12 npm run build)",
  );
}
