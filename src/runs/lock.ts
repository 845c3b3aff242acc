import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { syncFolder, writeDurably } from "../util/atomic-file.ts";
import { failpoint } from "../util/failpoint.ts";
import { sha256 } from "../util/hash.ts";
import { formatDuration } from "../util/units.ts";
import { checkFormat, formatOf } from "./formats.ts";
import { isRunning, type MachineMark, type ProcessMark, processMark, thisMachine } from "./machine.ts";
import { RunConflictError, storing } from "./store-error.ts";

/** What LOCK says. The heartbeat is the file's own time of change: one call, and nothing to tear. */
interface LockContent extends MachineMark {
  readonly format: string;
  /** All must be gone before the lock is dead. */
  readonly processes: readonly ProcessMark[];
  readonly acquired: string;
  /** Told apart from another lock of the same process. */
  readonly nonce: string;
}

/** How a lock stands, without taking it. */
export interface LockState {
  readonly state: "free" | "held" | "dead";
  /** One sentence on who holds it and since when. */
  readonly about: string;
}

/** A run folder held by this process. The one that writes takes it: a trainer, which never outlives its supervisor. */
export interface RunLock {
  readonly folder: string;
  /** Shows that the holder lives. @throws {RunConflictError} when another process took the lock. */
  heartbeat(): void;
  /** @throws {RunConflictError} when the lock is no longer ours. */
  assertHeld(): void;
  release(): void;
}

/** A holder on a machine that cannot be asked is taken for dead after this long without a heartbeat. */
export const staleAfterMs = 5 * 60_000;
/** A torn lock may be one that is being written; after this long it is not. */
export const tornForMs = 10_000;

/**
 * Takes the folder's LOCK, making the folder if need be. A dead process's lock is taken over.
 * @throws {RunConflictError} when a living process holds it.
 */
export function acquireLock(folder: string): RunLock {
  return storing("the lock", () => {
    mkdirSync(folder, { recursive: true });
    const lock = join(folder, "LOCK");
    const content = newContent();
    const own = `${lock}.${content.nonce}`;
    try {
      writeDurably(own, JSON.stringify(content), "lock");
      for (let attempt = 0; ; attempt++) {
        if (linked(own, lock)) break;
        const held = describeLock(folder, own);
        if (held.state === "held" || attempt > 3)
          throw new RunConflictError(`the run is in use: ${held.about}`, "wait for it, or read: evergreen lock clear RUN");
        if (held.state === "dead") takeOver(lock, own);
      }
    } finally {
      rmSync(own, { force: true });
    }
    syncFolder(folder);
    sweepLocks(folder);
    return handle(folder, content.nonce);
  });
}

/** Removes what processes left that died while they asked for the lock. */
function sweepLocks(folder: string): void {
  const lock = join(folder, "LOCK");
  for (const name of readdirSync(folder).filter((found) => found.startsWith("LOCK."))) {
    const path = join(folder, name);
    const content = name.endsWith(".tmp") ? null : readLock(path);
    const torn = content === null && ageMs(path) > tornForMs;
    if (torn || (content && stateOf(content, path, lock).state === "dead")) rmSync(path, { force: true });
  }
}

/** Who holds the folder, if anybody. */
export function lockState(folder: string): LockState {
  return describeLock(folder, join(folder, "LOCK"));
}

/** Removes a lock after a person looked at it. Returns what it said. */
export function clearLock(folder: string): LockState {
  const before = lockState(folder);
  rmSync(join(folder, "LOCK"), { force: true });
  return before;
}

function ageMs(file: string): number {
  return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}

function newContent(): LockContent {
  const own = processMark(process.pid) ?? { pid: process.pid };
  const nonce = randomUUID();
  return { format: formatOf("lock"), ...thisMachine(), processes: [own], acquired: new Date().toISOString(), nonce };
}

function linked(from: string, to: string): boolean {
  try {
    failpoint("lock:link");
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code)) throw error;
  }
  return copied(from, to);
}

/** For file systems without hard links. The file is empty for a moment; see `tornForMs`. */
function copied(from: string, to: string): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** `clock` is a file just written in the same folder: its time is the file server's, whatever this machine's clock says. */
function describeLock(folder: string, clock: string): LockState {
  const lock = join(folder, "LOCK");
  const content = readLock(lock);
  if (content === undefined) return { state: "free", about: "nobody holds it" };
  if (content === null) return { state: ageMs(lock) < tornForMs ? "held" : "dead", about: "its lock is torn" };
  return stateOf(content, lock, clock);
}

function stateOf(content: LockContent, file: string, clock: string): LockState {
  const here = thisMachine();
  const pids = content.processes.map(({ pid }) => pid).join(", ");
  const who = `process ${pids} on ${content.host} since ${content.acquired}`;
  if (content.host === here.host && content.boot !== here.boot)
    return { state: "dead", about: `${who}, before this machine was started anew` };
  if (content.host === here.host && content.space === here.space) {
    const alive = content.processes.some(isRunning);
    return alive ? { state: "held", about: who } : { state: "dead", about: `${who}, which is gone` };
  }
  const now = clock === file ? Date.now() : (statSync(clock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  const quietMs = now - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const about = `${who}, last heard of ${formatDuration(Math.max(0, quietMs))} ago`;
  return { state: quietMs > staleAfterMs ? "dead" : "held", about };
}

/** Undefined when there is none, null when it cannot be read. */
function readLock(file: string): LockContent | null | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  checkFormat(value, "lock", "LOCK");
  return value as LockContent;
}

/**
 * Puts `own` in the place of a dead lock. The claim, named after the dead lock's content, is held by one process at a time, and only its
 * holder may replace that lock; so of several processes that saw it dead, one wins.
 */
function takeOver(lock: string, own: string): void {
  const dead = digestOf(lock);
  if (dead === undefined) return;
  const claim = `${lock}.claim-${dead}`;
  if (!linked(own, claim)) {
    const claimant = readLock(claim);
    const state = claimant ? stateOf(claimant, claim, own).state : "dead";
    if (claimant !== undefined && state === "dead") rmSync(claim, { force: true });
    return;
  }
  try {
    failpoint("lock:claim");
    if (digestOf(lock) !== dead) return;
    failpoint("lock:take-over");
    renameSync(lock, `${claim}.dead`);
    rmSync(`${claim}.dead`, { force: true });
  } finally {
    rmSync(claim, { force: true });
  }
}

function digestOf(file: string): string | undefined {
  try {
    return sha256(readFileSync(file)).slice(0, 16);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function handle(folder: string, nonce: string): RunLock {
  const path = join(folder, "LOCK");
  const assertHeld = (): void => {
    if (readLock(path)?.nonce !== nonce)
      throw new RunConflictError("the run's lock was taken by another process", "let only one process write a run");
  };
  return {
    folder,
    assertHeld,
    heartbeat: () => {
      assertHeld();
      // The same byte again: the file server sets the time, not this machine's clock.
      const fd = openSync(path, "r+");
      try {
        writeSync(fd, "{", 0);
      } finally {
        closeSync(fd);
      }
    },
    release: () => {
      failpoint("lock:release");
      if (readLock(path)?.nonce === nonce) unlinkSync(path);
    },
  };
}
