import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { EvergreenError } from "../util/errors.ts";
import { cacheRoot, type Env } from "../util/paths.ts";
import { formatBytes } from "../util/units.ts";

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "note" | "problem";
  readonly text: string;
  /** What to do about a problem. */
  readonly cure?: string;
}

const ok = (name: string, text: string): Check => ({ name, state: "ok", text });
const problem = (name: string, text: string, cure: string): Check => ({ name, state: "problem", text, cure });

/** What an error says, as a problem with its cure. */
export function problemOf(name: string, error: unknown, cure: string): Check {
  return problem(name, error instanceof Error ? error.message : String(error), (error instanceof EvergreenError && error.fix) || cure);
}

const oldestNode = [20, 19] as const;

export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const fits = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const text = `${version}, ${process.platform} ${process.arch}, ${cpus().length} processors${cpus()[0] ? ` (${cpus()[0]?.model.trim()})` : ""}`;
  return fits ? ok("node", text) : problem("node", text, `use Node ${oldestNode.join(".")} or later`);
}

/** Least that a run with its checkpoints should find free. */
const leastFree = 2e9;
const probeBytes = 32 * 2 ** 20;

/** Free space and write rate where runs go: a file of 32 MiB is written, flushed and removed. */
export function diskCheck(runs: string): Check {
  const place = nearestFolder(runs);
  const probe = join(place, `.evergreen-doctor-${process.pid}.tmp`);
  try {
    const { bavail, bsize } = statfsSync(place);
    const free = bavail * bsize;
    const began = performance.now();
    const file = openSync(probe, "wx");
    try {
      const block = Buffer.alloc(1 << 20, 0x5a);
      for (let written = 0; written < probeBytes; written += block.length) writeSync(file, block);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const rate = (probeBytes * 1000) / (performance.now() - began);
    const text = `${formatBytes(free)} free, ${formatBytes(rate)}/s written, runs go to ${runs}`;
    return free < leastFree ? problem("disk", text, `make room there, or choose another place with EVERGREEN_RUNS`) : ok("disk", text);
  } catch (error) {
    return problemOf("disk", error, `make ${place} writable, or choose another place with EVERGREEN_RUNS`);
  } finally {
    rmSync(probe, { force: true });
  }
}

function nearestFolder(path: string): string {
  for (let at = resolve(path); ; at = dirname(at)) if (existsSync(at) || dirname(at) === at) return at;
}

/** What lies in the cache, by folder. */
export function cacheCheck(env: Env): Check {
  const root = cacheRoot(env);
  if (!existsSync(root))
    return { name: "cache", state: "note", text: `${root}: empty; filled by npm run setup and evergreen data mini-flux` };
  try {
    const parts = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${name} ${formatBytes(sizeOf(join(root, name)))}`);
    return ok("cache", `${root}: ${parts.join(", ") || "empty"}`);
  } catch (error) {
    return problemOf("cache", error, "make the folder readable, or choose another one with EVERGREEN_CACHE");
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Threads of one name. */
export interface ThreadGroup {
  readonly name: string;
  readonly count: number;
}

/** Every thread of this process by name, most first; undefined where the system does not list them. */
export function threadsOf(tasks = "/proc/self/task"): readonly ThreadGroup[] | undefined {
  if (!existsSync(tasks)) return undefined;
  const counts = new Map<string, number>();
  for (const id of readdirSync(tasks)) {
    let name: string;
    try {
      name = readFileSync(join(tasks, id, "comm"), "utf8").trim();
    } catch {
      // It ended meanwhile.
      continue;
    }
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}

/** OpenMP runtimes that are loaded: two would each start their own threads and fight for the processors. */
export function openMpCheck(maps = "/proc/self/maps"): Check {
  if (!existsSync(maps)) return { name: "openmp", state: "note", text: "this system does not list loaded libraries" };
  const libraries = new Set(readFileSync(maps, "utf8").match(/\/\S*\/lib(gomp|iomp5|omp)[^/\s]*\.so\S*/g) ?? []);
  const names = [...libraries].map((path) => path.slice(path.lastIndexOf("/") + 1));
  if (libraries.size === 1) return ok("openmp", `one runtime, ${names[0]}`);
  if (libraries.size === 0) return { name: "openmp", state: "note", text: "no runtime is loaded" };
  return problem("openmp", `${libraries.size} runtimes: ${[...libraries].join(", ")}`, "unset LD_PRELOAD and LD_LIBRARY_PATH");
}
