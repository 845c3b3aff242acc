import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { dieNow, type FailpointName, failpoint, type InnerFile, tornAt, type WholeFile } from "./failpoint.ts";

/** Makes renames and new names in a folder durable. A no-op where folders cannot be opened (Windows). */
export function syncFolder(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (["EPERM", "EISDIR", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "") && process.platform === "win32") return;
    throw error;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a file's content durable. */
export function syncFile(path: string): void {
  const fd = openSync(path, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes all bytes at `position` (or at the end of an appending file), however many calls it takes. */
export function writeAll(fd: number, data: Uint8Array, point: FailpointName, position: number | null = null): void {
  failpoint(point);
  const torn = tornAt(point, data.length);
  const end = torn ?? data.length;
  for (let written = 0; written < end; )
    written += writeSync(fd, data, written, end - written, position === null ? null : position + written);
  if (torn !== undefined) dieNow();
}

/** Replaces `path` by `data` so that a reader, at any moment and after any death, finds the old file or the new one. */
export function writeFileAtomic(path: string, data: string | Uint8Array, point: WholeFile): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeDurably(temporary, data, point);
    failpoint(`${point}:rename`);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  failpoint(`${point}:sync-folder`);
  syncFolder(dirname(path));
}

/**
 * Replaces `path` by what `write` makes under a temporary name beside it: flushed, renamed, nothing left of it when it fails. For files outside of a run's folder, whose
 * writing has failpoints of its own.
 */
export function replaceFile(path: string, write: (temporary: string) => void): void {
  writeThenName(`${path}.${process.pid}.tmp`, (temporary) => {
    write(temporary);
    return path;
  });
}

/** As {@link replaceFile}, for a file whose name follows from what was written: `write` gives it. Both names are of one folder. */
export function writeThenName(temporary: string, write: (temporary: string) => string): void {
  rmSync(temporary, { force: true });
  try {
    const path = write(temporary);
    syncFile(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(temporary));
}

/** Writes a file and flushes it, without the rename: for names that are temporary already. */
export function writeDurably(path: string, data: string | Uint8Array, point: WholeFile | InnerFile): void {
  const fd = openSync(path, "w");
  try {
    writeAll(fd, typeof data === "string" ? Buffer.from(data) : data, `${point}:write`);
    failpoint(`${point}:fsync`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes temporary files of `writeFileAtomic` that a death left in a folder. Only for a folder's one writer. */
export function sweepTemporary(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (/\.\d+\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
}
