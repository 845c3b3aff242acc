import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hashOf } from "../../util/hash.ts";
import { cacheRoot, type Env } from "../../util/paths.ts";
import { buildSets } from "./build.ts";
import { withLock } from "./build-lock.ts";
import { planSets } from "./families.ts";
import { fetchPackages, lockedPackages } from "./fetch.ts";
import { MiniFluxError } from "./mini-flux-error.ts";
import { openPackages } from "./packages.ts";
import type { Progress } from "./progress.ts";
import { readManifest } from "./stored.ts";

export interface EnsureOptions {
  /** Default: what `env` says. */
  readonly cacheRoot?: string | undefined;
  /** Handed to npm as well. Default: the process' own. */
  readonly env?: Env | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MiniFlux {
  /** What `mini-flux` as a data source opens. */
  readonly folder: string;
  /** Digest of the metadata: the same on every machine. */
  readonly digest: string;
  /** False when it lay there already. */
  readonly built: boolean;
  readonly seconds: number;
}

interface Pinned {
  /** Digest that the manifest must have. */
  readonly digest: string;
  /** Goes up when the same records get other pixels. */
  readonly drawing: number;
}

function pinned(): Pinned {
  return JSON.parse(readFileSync(new URL("./pinned.json", import.meta.url), "utf8")) as Pinned;
}

/** Folder of the built data in the cache, named by what it is made from. Nothing is looked up or made. */
export function miniFluxFolder(root: string): string {
  return join(root, "mini-flux", hashOf({ ...pinned(), packages: lockedPackages().digest }).slice(0, 16));
}

/**
 * The folder of the built data. When it is not there, the packages are fetched and everything is drawn under a temporary name
 * that is renamed at the end, so that a kill leaves nothing half made; a second process waits for the first.
 * @throws {MiniFluxFetchError} when npm cannot install the packages.
 * @throws {MiniFluxError} when what was made is not what this version expects.
 */
export async function ensureMiniFlux(options: EnsureOptions = {}): Promise<MiniFlux> {
  const env = options.env ?? process.env;
  const progress = options.progress ?? (() => undefined);
  const began = performance.now();
  const folder = miniFluxFolder(options.cacheRoot ?? cacheRoot(env));
  const ready = (built: boolean): MiniFlux => ({ folder, digest: pinned().digest, built, seconds: (performance.now() - began) / 1000 });
  if (isComplete(folder)) return ready(false);
  const base = join(folder, "..");
  const onWait = (): void => progress({ phase: "wait", done: 0, total: 1 });
  return withLock(
    join(base, "build.lock"),
    async () => {
      if (isComplete(folder)) return ready(false);
      await removeLeftovers(base);
      const packages = await fetchPackages({ folder: base, env, progress, signal: options.signal });
      await make(folder, packages, { progress, signal: options.signal });
      return ready(true);
    },
    { signal: options.signal, onWait },
  );
}

/** The manifest is written last and the folder renamed after it. */
function isComplete(folder: string): boolean {
  return existsSync(join(folder, "manifest.json")) && readManifest(folder).digest === pinned().digest;
}

async function make(
  folder: string,
  packages: string,
  { progress, signal }: { progress: Progress; signal: AbortSignal | undefined },
): Promise<void> {
  const temporary = await mkdtemp(join(folder, "..", "building-"));
  try {
    progress({ phase: "plan", done: 0, total: 1 });
    const sets = await planSets(openPackages(packages));
    const manifest = await buildSets({ sets, folder: temporary, progress, signal });
    if (manifest.digest !== pinned().digest)
      throw new MiniFluxError(
        `the metadata has digest ${manifest.digest}, expected ${pinned().digest}`,
        `remove ${packages} so that the packages are fetched again; if it stays, report it with the version of Node`,
      );
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What killed processes left behind; called under the lock. */
async function removeLeftovers(base: string): Promise<void> {
  await mkdir(base, { recursive: true });
  for (const name of await readdir(base))
    if (/^(building|installing)-/.test(name)) await rm(join(base, name), { recursive: true, force: true });
}
