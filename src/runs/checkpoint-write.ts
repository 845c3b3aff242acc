import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { syncFile, syncFolder, writeDurably, writeFileAtomic } from "../util/atomic-file.ts";
import { failpoint } from "../util/failpoint.ts";
import { sha256 } from "../util/hash.ts";
import type { Json } from "../util/json.ts";
import {
  type Checkpoint,
  type CheckpointManifest,
  checkpointName,
  checkpointNames,
  hashFileSync,
  isInside,
  type JournalSizes,
  verifyCheckpoint,
} from "./checkpoint.ts";
import type { CheckpointKind } from "./event.ts";
import { formatted, readFormatted } from "./formats.ts";
import { asStorageError, DiskFullError } from "./store-error.ts";

/** What a checkpoint is made of. */
export interface CheckpointRequest {
  readonly task: number;
  readonly step: number;
  readonly kind: CheckpointKind;
  /** About how many bytes `write` will write; that room is asked for before anything is. */
  readonly bytes: number;
  /** The trainer's own state, handed back on resume. */
  readonly state: Json;
  /** Writes the tensors. `path` gives the place of a file by its name inside the folder, whose sub-folders are made. */
  readonly write: (path: (file: string) => string) => void;
  /** Versions of what wrote it. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** Which checkpoints outlive the next one. */
export interface Retention {
  /** Newest ones that stay, of any kind. */
  readonly keepLast: number;
  /** Whether those of task ends stay for good. */
  readonly keepTaskEnds: boolean;
}

export interface CheckpointContext {
  readonly runFolder: string;
  readonly retention: Retention;
  /** Makes the journals durable; their lengths. */
  readonly syncJournals: () => JournalSizes;
  readonly now: () => number;
  readonly freeBytes?: (folder: string) => number;
  /** A leftover that could not be removed; the checkpoint stands all the same. */
  readonly onLeftover?: (name: string, error: unknown) => void;
}

/** What must stay free beside the checkpoint itself. */
const spareBytes = 16 * 2 ** 20;

/**
 * Writes a checkpoint: files under a temporary name, journals made durable, state, digests, rename, `latest.json`, then the old
 * ones go. A death or a full disk at any moment leaves the ones before as they were.
 * @throws {DiskFullError} before anything is written when there is no room, or when the disk fills up meanwhile.
 */
export function writeCheckpoint(request: CheckpointRequest, context: CheckpointContext): Checkpoint {
  const folder = join(context.runFolder, "checkpoints");
  const name = freeName(request, context.runFolder);
  const temporary = join(folder, `.${name}.tmp`);
  try {
    failpoint("checkpoint:begin");
    mkdirSync(folder, { recursive: true });
    clearLeftovers(folder, context, (left) => left.endsWith(".tmp") || left.startsWith(".trash-"));
    checkRoom(folder, request.bytes, context.freeBytes);
    mkdirSync(temporary);
    request.write((file) => placeOf(temporary, file));
    failpoint("checkpoint:files");
    const journals = context.syncJournals();
    const { task, step, kind, state } = request;
    writeDurably(join(temporary, "state.json"), formatted("state", { task, step, kind, journals, state }), "state");
    const files = sealFiles(temporary);
    const manifest = { name, task, step, kind, created: new Date(context.now()).toISOString(), versions: request.versions ?? {}, files };
    const text = formatted("manifest", manifest);
    writeDurably(join(temporary, "manifest.json"), text, "manifest");
    failpoint("checkpoint:sync-folder");
    syncFolder(temporary);
    failpoint("checkpoint:rename");
    renameSync(temporary, join(folder, name));
    failpoint("checkpoint:sync-parent");
    syncFolder(folder);
    pointLatest(context.runFolder, { name, task, step, manifest: sha256(text) });
    prune(context, name);
    clearLeftovers(folder, context, (left) => left.startsWith(".aside-"));
    const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
    return { name, folder: join(folder, name), task, step, kind, manifest: JSON.parse(text) as CheckpointManifest, bytes, journals, state };
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw asStorageError(error, `checkpoint ${name}`);
  }
}

/** Replaces `latest.json`, which names the newest complete checkpoint for readers that are not Evergreen. */
export function pointLatest(
  runFolder: string,
  to: { readonly name: string; readonly task: number; readonly step: number; readonly manifest: string },
): void {
  writeFileAtomic(join(runFolder, "checkpoints", "latest.json"), formatted("latest", to), "latest");
}

/** Puts checkpoints aside that a resume goes back behind, or refused. They go for good when the next one is complete. */
export function setAside(runFolder: string, names: readonly string[]): void {
  const folder = join(runFolder, "checkpoints");
  for (const name of names) {
    failpoint("resume:set-aside");
    rmSync(join(folder, `.aside-${name}`), { recursive: true, force: true });
    renameSync(join(folder, name), join(folder, `.aside-${name}`));
  }
  if (names.length > 0) syncFolder(folder);
}

/** A second state at the same step, as when a task's end follows a timed save, gets a name of its own; a torn folder gives way. */
function freeName({ task, step }: CheckpointRequest, runFolder: string): string {
  const taken = new Set(checkpointNames(runFolder));
  for (let repeat = 1; ; repeat++) {
    const name = checkpointName(task, step, repeat);
    if (!taken.has(name)) return name;
    if ("reason" in verifyCheckpoint(runFolder, name)) {
      rmSync(join(runFolder, "checkpoints", name), { recursive: true });
      return name;
    }
  }
}

function checkRoom(folder: string, bytes: number, freeBytes = freeOnDisk): void {
  const needed = bytes + spareBytes;
  const free = freeBytes(folder);
  if (free < needed) throw new DiskFullError("the next checkpoint", { needed, free });
}

function freeOnDisk(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function placeOf(folder: string, file: string): string {
  if (!isInside(file)) throw new TypeError(`internal: checkpoint: ${JSON.stringify(file)} is no name inside the folder`);
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** Makes every file and folder below durable; their digests by name, sorted. */
function sealFiles(folder: string): CheckpointManifest["files"] {
  const files: Record<string, { sha256: string; bytes: number }> = {};
  const visit = (inner: string): void => {
    for (const entry of readdirSync(join(folder, inner), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = inner ? `${inner}/${entry.name}` : entry.name;
      const path = join(folder, file);
      if (entry.isDirectory()) {
        visit(file);
        continue;
      }
      failpoint("checkpoint:fsync");
      syncFile(path);
      failpoint("checkpoint:hash");
      files[file] = { sha256: hashFileSync(path), bytes: statSync(path).size };
    }
    syncFolder(join(folder, inner));
  };
  visit("");
  return files;
}

/** Removes the checkpoints that the retention does not keep. One that cannot be removed is told and left. */
export function prune(context: Pick<CheckpointContext, "runFolder" | "retention" | "onLeftover">, newest: string): void {
  const folder = join(context.runFolder, "checkpoints");
  const { keepLast, keepTaskEnds } = context.retention;
  const names = checkpointNames(context.runFolder);
  for (const name of names.filter((known) => known !== newest).slice(Math.max(0, keepLast - 1))) {
    if (keepTaskEnds && kindOf(join(folder, name)) === "task_end") continue;
    try {
      failpoint("checkpoint:prune");
      renameSync(join(folder, name), join(folder, `.trash-${name}`));
    } catch (error) {
      context.onLeftover?.(name, error);
    }
  }
  clearLeftovers(folder, context, (left) => left.startsWith(".trash-"));
}

/** A checkpoint whose kind cannot be read is not kept as a task's end. */
function kindOf(folder: string): CheckpointKind | undefined {
  try {
    return readFormatted<CheckpointManifest>(join(folder, "manifest.json"), "manifest").kind;
  } catch {
    return undefined;
  }
}

function clearLeftovers(folder: string, context: Pick<CheckpointContext, "onLeftover">, isLeftover: (name: string) => boolean): void {
  for (const name of readdirSync(folder).filter((found) => found.startsWith(".") && isLeftover(found))) {
    try {
      failpoint("checkpoint:remove");
      rmSync(join(folder, name), { recursive: true, force: true });
    } catch (error) {
      context.onLeftover?.(name, error);
    }
  }
}
