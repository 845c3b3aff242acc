import { open, stat } from "node:fs/promises";
import { formatBytes } from "../util/units.ts";
import type { DataSource, SampleId, SampleRecord } from "./source.ts";

/** The data of a run, by what it is for. */
export interface PreloadData {
  readonly streamed: readonly DataSource[];
  /** Samples of the streamed sets that some task trains on; what is replayed is among them. */
  readonly trained: ReadonlySet<SampleId>;
  readonly pretraining: readonly DataSource[];
  readonly evaluated: readonly DataSource[];
}

/** The files that hold these pictures, each once: what is trained on in the order of the records, then what is scored. */
export function preloadedFiles(mode: "test" | "all", { streamed, trained, pretraining, evaluated }: PreloadData): readonly string[] {
  const files = new Set<string>();
  const add = (sets: readonly DataSource[], split: "train" | "test", isWanted: (record: SampleRecord) => boolean): void => {
    for (const set of sets) for (const record of set.records(split)) if (isWanted(record)) files.add(record.image.path);
  };
  if (mode === "all") {
    add(streamed, "train", ({ id }) => trained.has(id));
    add(pretraining, "train", () => true);
  }
  add(evaluated, "test", () => true);
  return [...files];
}

export interface PreloadOptions {
  /** Bytes of memory that are free. */
  readonly free: number;
  /** Bytes that were read, of all there are; a thousand times at most. */
  progress?(done: number, total: number): void;
  /** Asked after every piece. */
  stopRequested?(): boolean;
}

/** How it went: `files` were read; `skipped` says why none was. */
export interface Preloaded {
  readonly files: number;
  readonly bytes: number;
  readonly skipped?: string;
}

const pieceBytes = 4 * 2 ** 20;

/**
 * Reads whole files once, in order, and keeps nothing: later reads come from the system's cache. Reads none where they are larger than the free memory, as the first
 * would be dropped for the last. A file that cannot be read is passed over: whoever needs its pictures says so, by `data.on_unreadable`.
 */
export async function preload(
  paths: readonly string[],
  { free, progress, stopRequested = () => false }: PreloadOptions,
): Promise<Preloaded> {
  let total = 0;
  for (const path of paths) total += await sizeOf(path);
  if (total > free)
    return {
      files: 0,
      bytes: 0,
      skipped: `the files have ${formatBytes(total)}, and ${formatBytes(Math.max(0, free))} of memory are free`,
    };
  const piece = Buffer.allocUnsafe(pieceBytes);
  let [files, bytes, told] = [0, 0, 0];
  const take = (length: number): boolean => {
    bytes += length;
    if (bytes - told >= total / 1000) {
      told = bytes;
      progress?.(bytes, total);
    }
    return !stopRequested();
  };
  for (const path of paths) {
    if (stopRequested()) break;
    if (await readThrough(path, piece, take)) files++;
  }
  return { files, bytes };
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** True when the file was read; ends early when `take` says so. */
async function readThrough(path: string, piece: Uint8Array, take: (length: number) => boolean): Promise<boolean> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return false;
  try {
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0 || !take(bytesRead)) return true;
    }
  } catch {
    return false;
  } finally {
    await file.close();
  }
}
