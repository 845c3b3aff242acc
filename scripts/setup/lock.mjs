// @ts-check
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {{ pid: number, start: string, host: string, nonce: string, child?: { pid: number, start: string } }} Holder
 * @typedef {{ release(): void, setChild(pid: number | undefined): void }} Lock
 */

const pollMs = 200;
/** How long the tools of a killed set-up have to end themselves. */
const graceMs = 3_000;
const heartbeatMs = 5_000;
/** A holder on another host cannot be asked, so its lock counts as left behind after this silence. */
const silenceMs = 10 * 60_000;

/**
 * Holds a lock file until release. Waits while another live process holds it; takes it over from a dead one, ending the
 * child processes that one left behind.
 * @param {string} file
 * @param {{ onWait?: (holder: Holder) => void }} [options]
 * @returns {Promise<Lock>}
 */
export async function acquireLock(file, { onWait } = {}) {
  mkdirSync(dirname(file), { recursive: true });
  /** @type {Holder} */
  const self = { pid: process.pid, start: startOf(process.pid), host: hostname(), nonce: randomBytes(8).toString("hex") };
  let told = false;
  while (!create(file, JSON.stringify(self))) {
    const text = read(file);
    if (text === undefined) continue;
    const holder = parse(text);
    if (isAbandoned(holder, file)) {
      await takeOver(file, text, holder);
      continue;
    }
    if (!told && holder) onWait?.(holder);
    told = true;
    await sleep(pollMs);
  }
  return hold(file, self);
}

/**
 * @param {string} file
 * @param {Holder} self
 * @returns {Lock}
 */
function hold(file, self) {
  const heartbeat = setInterval(() => {
    const now = new Date();
    if (read(file)?.includes(self.nonce)) utimesSync(file, now, now);
  }, heartbeatMs).unref();
  const release = () => {
    clearInterval(heartbeat);
    process.removeListener("exit", release);
    if (read(file)?.includes(self.nonce)) rmSync(file, { force: true });
  };
  process.once("exit", release);
  return {
    release,
    setChild(pid) {
      const next = pid === undefined ? self : { ...self, child: { pid, start: startOf(pid) } };
      const temporary = `${file}.${self.nonce}`;
      writeFileSync(temporary, JSON.stringify(next));
      renameSync(temporary, file);
    },
  };
}

/**
 * The content appears with the name, so nobody reads half a lock.
 * @param {string} file
 * @param {string} text
 */
function create(file, text) {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(temporary, text);
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Ends what the dead holder left running, then moves its lock aside. Two processes may try at once: the one that moved a live lock puts it back.
 * @param {string} file
 * @param {string} text what the dead holder wrote
 * @param {Holder | undefined} holder
 */
async function takeOver(file, text, holder) {
  if (holder?.child && holder.host === hostname()) await endGroup(holder.child);
  const aside = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (read(aside) !== text) {
    try {
      linkSync(aside, file);
    } catch {
      // A third process holds the lock by now, which is as good.
    }
  }
  rmSync(aside, { force: true });
}

/**
 * First a word, because ninja's compilers lead groups of their own and only ninja can end them; then force.
 * @param {{ pid: number, start: string }} child leader of a process group
 */
async function endGroup(child) {
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGKILL"])) {
    for (let waited = 0; isAlive(child) && waited < graceMs; waited += pollMs) {
      try {
        if (waited === 0) process.kill(-child.pid, signal);
      } catch {
        return;
      }
      await sleep(pollMs);
    }
  }
}

/**
 * @param {Holder | undefined} holder
 * @param {string} file
 */
function isAbandoned(holder, file) {
  if (holder === undefined) return true;
  if (holder.host === hostname()) return !isAlive(holder);
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > silenceMs;
}

/** @param {{ pid: number, start: string }} process_ */
function isAlive({ pid, start }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return startOf(pid) === start && !isZombie(pid);
}

/** @param {number} pid */
function isZombie(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.startsWith("Z", text.lastIndexOf(")") + 2);
  } catch {
    return false;
  }
}

/**
 * When a process began, so that a number used again is not mistaken for the process that had it; empty where the system does not tell.
 * @param {number} pid
 */
function startOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {string} file
 * @returns {string | undefined}
 */
function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * @param {string} text
 * @returns {Holder | undefined}
 */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value?.pid === "number" ? value : undefined;
  } catch {
    return undefined;
  }
}
