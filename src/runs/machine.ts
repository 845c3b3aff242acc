import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process so named that no later process is taken for it. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, in the kernel's clock ticks; absent where the system does not tell. */
  readonly start?: string;
}

/** The machine, its boot and the space in which process ids mean something. */
export interface MachineMark {
  readonly host: string;
  readonly boot?: string;
  readonly space?: string;
}

/** Where this process runs. */
export function thisMachine(): MachineMark {
  const boot = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  const space = attempt(() => readlinkSync("/proc/self/ns/pid"));
  return { host: hostname(), ...(boot ? { boot } : {}), ...(space ? { space } : {}) };
}

/** The process's mark; undefined when there is no such process. */
export function processMark(pid: number): ProcessMark | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The name, second in the line, is in brackets and may itself hold brackets and spaces.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields?.[0] === "Z" || fields?.[0] === "X") return undefined;
  const start = fields?.[19];
  return { pid, ...(start ? { start } : {}) };
}

/** True when the marked process still runs here. */
export function isRunning(mark: ProcessMark): boolean {
  const now = processMark(mark.pid);
  return now !== undefined && (mark.start === undefined || now.start === undefined || now.start === mark.start);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
