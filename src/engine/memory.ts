import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { native } from "./binding.ts";
import { guard } from "./tensor.ts";

export interface Memory {
  /** Bytes that live tensors asked for. */
  readonly live: number;
  /** Highest `live` since {@link resetPeak}. */
  readonly peak: number;
  /** Bytes taken from the system: live plus cached for reuse. */
  readonly reserved: number;
  readonly limit: number;
  /** Bytes that live tensors on `meta` would hold, and the highest such number since {@link resetPeak}. */
  readonly metaLive: number;
  readonly metaPeak: number;
  /** Tensors that TypeScript holds. */
  readonly tensors: number;
}

export const memory = (): Memory => native.memory();
export const resetPeak = (): void => native.resetPeak();
/** Gives cached blocks back to the system. */
export const releaseMemory = (): void => native.releaseMemory();
/** Bytes the engine may take; crossing it is an {@link EngineError} of kind `out-of-memory`. */
export const limitMemory = (bytes: number): void => guard("limitMemory", () => native.limitMemory(bytes));

/** The machine's memory, or the container's where that is less, less 10 %. */
export function defaultMemoryLimit(): number {
  return Math.floor(0.9 * Math.min(totalmem(), containerLimit()));
}

/** Bytes that this process may still take: what the machine has free, its cache of files included, or what the container leaves where that is less. */
export function freeMemory(): number {
  return Math.min(freemem(), containerLimit() - process.memoryUsage.rss());
}

function containerLimit(): number {
  for (const path of ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"])
    try {
      const bytes = Number(readFileSync(path, "utf8").trim());
      if (Number.isFinite(bytes) && bytes > 0) return bytes;
    } catch {
      // not there: no such control group
    }
  return Number.POSITIVE_INFINITY;
}
