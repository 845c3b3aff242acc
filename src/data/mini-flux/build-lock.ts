import { mkdir, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A holder renews its file this often; one that is four times as old belongs to nobody. */
const heartbeatMs = 5_000;

export interface LockWait {
  readonly signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Runs `work` while no other process runs work under the same `path`. A lock whose process is gone, or whose file has not been
 * renewed for 20 s, is taken over.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, { signal, onWait }: LockWait = {}): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  while (!(await claim(path))) {
    signal?.throwIfAborted();
    if (!told) onWait?.();
    told = true;
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await sleep(200, undefined, signal ? { signal } : {});
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), heartbeatMs);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function claim(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > 4 * heartbeatMs) return true;
    const holder = JSON.parse(await readFile(path, "utf8")) as { readonly pid?: number; readonly host?: string };
    return holder.host === hostname() && typeof holder.pid === "number" && !isAlive(holder.pid);
  } catch {
    // Gone meanwhile, or still being written: the next round sees which.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
