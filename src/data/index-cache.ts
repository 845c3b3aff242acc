import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "../util/hash.ts";
import { cacheRoot, type Env } from "../util/paths.ts";

const sampled = 1 << 16;

/**
 * A file's content by its size, time of change, first and last 64 KiB: enough to know an archive again without reading gigabytes, wherever it was moved to.
 */
export function contentKey(path: string): string {
  const file = openSync(path, "r");
  try {
    const { size, mtimeMs } = fstatSync(file);
    const ends = Buffer.alloc(2 * sampled);
    readSync(file, ends, 0, sampled, 0);
    readSync(file, ends, sampled, sampled, Math.max(0, size - sampled));
    return sha256(`${size} ${mtimeMs} ${sha256(ends)}`);
  } finally {
    closeSync(file);
  }
}

/** What `make` gives for a file, kept in the cache by the file's content; where the cache cannot be written or read, it is made again. */
export function cachedIndex<T>(options: { readonly path: string; readonly format: string; readonly env: Env }, make: () => T): T {
  const { path, format, env } = options;
  const kept = join(cacheRoot(env), "indexes", `${sha256(`${format} ${contentKey(path)}`).slice(0, 32)}.json`);
  const known = readKept(kept, format);
  if (known !== undefined) return known as T;
  const index = make();
  try {
    mkdirSync(dirname(kept), { recursive: true });
    const fresh = `${kept}.${process.pid}.tmp`;
    // Not flushed: an index lost or torn in a power cut fails its digest and is made again.
    const body = JSON.stringify(index);
    writeFileSync(fresh, `${JSON.stringify({ format, sha256: sha256(body) })}\n${body}`);
    renameSync(fresh, kept);
  } catch {
    // A cache is a help, not a need: a read-only or full disk must not keep anybody from reading data.
  }
  return index;
}

function readKept(path: string, format: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const [head = "", body = ""] = text.split("\n", 2);
  try {
    const facts = JSON.parse(head) as { readonly format?: unknown; readonly sha256?: unknown };
    return facts.format === format && facts.sha256 === sha256(body) ? JSON.parse(body) : undefined;
  } catch {
    return undefined;
  }
}
