import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../util/hash.ts";
import type { Env } from "../../util/paths.ts";
import { MiniFluxFetchError } from "./mini-flux-error.ts";
import type { Progress } from "./progress.ts";

const manifestFolder = fileURLToPath(new URL("./packages/", import.meta.url));

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
}

/** What is installed: name to version and integrity. The same packages give the same digest. */
export function lockedPackages(): { readonly names: readonly string[]; readonly digest: string } {
  const lock = JSON.parse(readFileSync(join(manifestFolder, "package-lock.json"), "utf8")) as LockFile;
  const names = Object.keys(lock.packages).filter((name) => name !== "");
  return { names, digest: sha256(names.map((name) => `${name} ${lock.packages[name]?.integrity}`).join("\n")) };
}

export interface FetchOptions {
  /** Folder that the packages' folder is made in. */
  readonly folder: string;
  readonly env: Env;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The folder that holds `node_modules` of the pinned packages, installed by the user's npm when it is not there yet, so that
 * registry, proxy and certificates are the user's. npm checks each package against the lock file's integrity.
 * @throws {MiniFluxFetchError} with npm's own last words.
 */
export async function fetchPackages({ folder, env, progress, signal }: FetchOptions): Promise<string> {
  const { names, digest } = lockedPackages();
  const place = join(folder, `packages-${digest.slice(0, 16)}`);
  if (existsSync(place)) return place;
  await mkdir(folder, { recursive: true });
  const temporary = await mkdtemp(join(folder, "installing-"));
  try {
    for (const file of ["package.json", "package-lock.json"]) await cp(join(manifestFolder, file), join(temporary, file));
    progress({ phase: "fetch", done: 0, total: names.length });
    const watch = setInterval(() => progress({ phase: "fetch", done: countInstalled(temporary, names), total: names.length }), 500);
    try {
      await install(temporary, env, signal);
    } finally {
      clearInterval(watch);
    }
    progress({ phase: "fetch", done: names.length, total: names.length });
    await rename(temporary, place);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return place;
}

function countInstalled(folder: string, names: readonly string[]): number {
  return names.filter((name) => existsSync(join(folder, name, "package.json"))).length;
}

/** npm as this process was started by, else the one on the path. */
export function npmCommand(env: Env): readonly string[] {
  const running = env.npm_execpath;
  return running?.endsWith("npm-cli.js") && existsSync(running) ? [process.execPath, running] : ["npm"];
}

function install(folder: string, env: Env, signal: AbortSignal | undefined): Promise<void> {
  const [command = "npm", ...first] = npmCommand(env);
  const offline = env.EVERGREEN_OFFLINE && env.EVERGREEN_OFFLINE !== "0" ? ["--offline"] : [];
  const flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", ...offline];
  return new Promise((done, fail) => {
    // Windows' npm is a script that only a shell can start.
    const shell = process.platform === "win32" && command === "npm";
    const child = spawn(command, [...first, ...flags], {
      cwd: folder,
      env: withoutPrefix(env),
      shell,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const stop = (): void => void child.kill("SIGTERM");
    signal?.addEventListener("abort", stop, { once: true });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2000);
    });
    child.on("error", (cause) =>
      fail(new MiniFluxFetchError(`npm cannot be started: ${cause.message}`, "install npm, or put it on the PATH", cause)),
    );
    child.on("close", (code) => {
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted) fail(signal.reason);
      else if (code === 0) done();
      else fail(new MiniFluxFetchError(`npm ci ended with ${code}: ${lastWords(words)}`, cure(words, offline.length > 0)));
    });
  });
}

/** npm's message in one line, without its stack. */
function lastWords(words: string): string {
  const lines = words.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, ""));
  return lines.filter((line) => line.trim() !== "" && !/^\s+at |complete log/.test(line)).join("; ") || "no message";
}

/** An npm script tells its children where its own package lies; this install has its own folder. */
function withoutPrefix(env: Env): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_config_(local_prefix|prefix|workspace|workspaces|global)$/i.test(name)),
  );
}

function cure(words: string, offline: boolean): string {
  if (offline) return "unset EVERGREEN_OFFLINE once, so that the packages (about 60 MB) can be fetched";
  if (/ENOSPC/.test(words)) return "free 600 MB, or set EVERGREEN_CACHE to a folder on another disk";
  if (/EACCES|EROFS|EPERM/.test(words)) return "set EVERGREEN_CACHE to a folder you can write";
  if (/EINTEGRITY/.test(words))
    return "the registry gave other bytes than the pinned ones: check the mirror, then `npm cache clean --force`";
  return "check network, proxy and registry (`npm config get registry`, `npm ping`), then run the same command again";
}
