// @ts-check
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOfTree } from "./digest.mjs";
import { checkoutCure, explainSystemError, SetupFailure } from "./failure.mjs";
import { readJson, sizeOf, writeAtomically } from "./files.mjs";
import { formatBytes, formatDuration, formatRate } from "./terminal.mjs";
import { findProgram, runTool } from "./tool.mjs";

/** @typedef {import("./steps.mjs").Context} Context */

const stampName = ".evergreen-packages";

/** @param {Context} context */
function keyOf({ places }) {
  return digestOfTree(places.root, ["package-lock.json"], { platform: process.platform, arch: process.arch });
}

/** @param {Context} context */
function isStamped(context) {
  const stamp = join(context.places.modules, stampName);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === keyOf(context);
}

/**
 * The npm packages of the lock file, in node_modules.
 * @type {import("./steps.mjs").Step}
 */
export const packages = {
  name: "packages",
  isFresh: isStamped,
  async run(context) {
    const { places, terminal } = context;
    if (!matchesLock(places)) await install(context);
    linkCommand(places);
    try {
      writeAtomically(join(places.modules, stampName), keyOf(context));
    } catch (error) {
      throw explainSystemError(error, places.modules, checkoutCure);
    }
    terminal.wipe();
  },
};

/**
 * Whether node_modules holds what the lock file says already, by npm's own record: then nothing is installed again, for instance
 * after an `npm install` by hand. Packages for other platforms are absent by right.
 * @param {{ root: string, modules: string }} places
 */
export function matchesLock({ root, modules }) {
  const wanted = readJson(join(root, "package-lock.json"))?.packages;
  const installed = readJson(join(modules, ".package-lock.json"))?.packages;
  if (!wanted || !installed) return false;
  if (Object.keys(installed).some((path) => !(path in wanted))) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const there = installed[path];
    return there === undefined ? optional === true : there.version === version && there.integrity === integrity;
  });
}

/** @param {Context} context */
async function install({ places, terminal, env, lock }) {
  const began = Date.now();
  const npm = npmCommand(env);
  if (npm === undefined)
    throw new SetupFailure("resources", "EG-5114", "npm was not found", "install Node.js with npm (nodejs.org, or apt install npm)");
  const watch = setInterval(() => {
    terminal.progress("packages", `npm ci, ${formatDuration(Date.now() - began)}`);
  }, 250);
  const args = [
    ...npm.args,
    "ci",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--loglevel=error",
    "--include=dev",
    "--include=optional",
    "--ignore-scripts",
  ];
  const { code, output } = await runTool({ command: npm.command, args, cwd: places.root, env, lock }).finally(() => clearInterval(watch));
  if (code !== 0) throw explainNpm(output, places.root);
  const bytes = sizeOf(places.modules);
  const count = Object.keys(readJson(join(places.modules, ".package-lock.json"))?.packages ?? {}).length;
  const ms = Date.now() - began;
  terminal.line("packages", `${count} npm packages, ${formatBytes(bytes)} in ${formatDuration(ms)} (${formatRate(bytes, ms)})`);
}

/**
 * The npm that called us, else the one on the path.
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ command: string, args: string[] } | undefined}
 */
function npmCommand(env) {
  const script = env.npm_execpath;
  if (script !== undefined && /npm-cli\.[cm]?js$/.test(script) && existsSync(script)) return { command: process.execPath, args: [script] };
  const command = findProgram(["npm"], env);
  return command === undefined ? undefined : { command, args: [] };
}

/**
 * @param {string} output
 * @param {string} root
 */
export function explainNpm(output, root) {
  const what = "npm could not install the packages";
  if (/ENOSPC|no space left/i.test(output)) {
    return new SetupFailure(
      "resources",
      "EG-5103",
      `${what}: the disk that holds ${root} is full`,
      "free some space and run the same command again",
    );
  }
  if (/\bEROFS\b|\bEACCES\b|\bEPERM\b/.test(output))
    return new SetupFailure("resources", "EG-5102", `cannot write to ${root}`, checkoutCure);
  if (/\b407\b|tunneling socket|ERR_INVALID_PROXY|proxy (server )?(refused|authentication)/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6102",
      `${what}: the proxy refused or did not answer`,
      "check HTTPS_PROXY and NO_PROXY (or npm config get https-proxy), then run the same command again",
    );
  }
  if (/\bE401\b|\bE403\b|ENEEDAUTH/.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6103",
      `${what}: your npm registry asks for a login or forbids it`,
      "run npm login for that registry, or set npm_config_registry to another",
    );
  }
  if (/CERT|self.signed/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6104",
      `${what}: the registry's certificate is not trusted here`,
      "set NODE_EXTRA_CA_CERTS (or npm config set cafile) to your organisation's certificate file",
    );
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|network|ERR_SOCKET_TIMEOUT/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6101",
      `${what}: the npm registry cannot be reached`,
      "check the network and HTTPS_PROXY, or set npm_config_registry to a mirror, then run the same command again",
    );
  }
  if (/\bE404\b|ETARGET/.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6106",
      `${what}: your npm registry lacks one of them\n    ${lastLines(output)}`,
      "ask for it to be mirrored, or set npm_config_registry to a registry that has it",
    );
  }
  return new SetupFailure("network", "EG-6107", `${what}:\n    ${lastLines(output)}`, "mend what npm says and run the same command again");
}

/** @param {string} output */
function lastLines(output) {
  return output.trim().split("\n").slice(-6).join("\n    ");
}

/**
 * `npx evergreen` in the checkout finds its command among the installed ones, as in any project that depends on it.
 * @param {{ root: string, modules: string }} places
 */
function linkCommand({ modules }) {
  const folder = join(modules, ".bin");
  mkdirSync(folder, { recursive: true });
  const link = join(folder, process.platform === "win32" ? "evergreen.cmd" : "evergreen");
  rmSync(link, { force: true });
  if (process.platform === "win32") writeFileSync(link, '@node "%~dp0\\..\\..\\bin\\evergreen.mjs" %*\r\n');
  else symlinkSync("../../bin/evergreen.mjs", link);
}
