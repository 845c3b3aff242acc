import type { FileRun } from "../engine/mapped-file.ts";
import { reshape, slice, to } from "../engine/ops.ts";
import { entryBytes, read, type Tensor, type Weights } from "../engine/tensor.ts";

/** Entries offset … offset + size of a tensor, in row order. */
export interface EntryRange {
  readonly offset: number;
  readonly size: number;
}

/** One model's tensors, by OpenCLIP's names, a run of entries at a time. */
export interface EntryReader {
  has(name: string): boolean;
  /** Entries, [size]; float16 and bfloat16 as they are stored, all else as float32. */
  read(name: string, at: EntryRange): Tensor;
  /** Where those entries lie one after another in a file, in a type that {@link read} gives; undefined where they do not. */
  run?(name: string, at: EntryRange): FileRun | undefined;
  /** All bytes of a tensor as they are stored: for counters. */
  bytes(name: string): Uint8Array;
  /** Shape of a tensor that is there. */
  shape(name: string): readonly number[];
}

/** Entries of a tensor of this shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** What an {@link EntryReader} gives of entries of any type. */
export const asStored = (entries: Tensor): Tensor => (/^b?float16$/.test(entries.dtype) ? entries : to(entries, "float32"));

/** Weights in memory. */
export function weightsReader(weights: Weights): EntryReader {
  const get = (name: string): Tensor => {
    const found = weights.get(name);
    if (!found) throw new Error(`internal: no tensor ${name}`);
    return found;
  };
  return {
    has: (name) => weights.has(name),
    read: (name, { offset, size }) => asStored(slice(reshape(get(name), [get(name).size]), 0, offset, offset + size)),
    bytes: (name) => {
      const entries = read(get(name));
      return new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength);
    },
    shape: (name) => get(name).shape,
  };
}

/** Where the models' entries lie, if each lie in one piece of a file, as memory has them, and all in one type. */
export function runsOf(models: readonly EntryReader[], name: string, at: EntryRange): readonly FileRun[] | undefined {
  const runs = models.map((model) => model.run?.(name, at));
  const isAlike = (run: FileRun | undefined): run is FileRun =>
    run !== undefined && run.dtype === runs[0]?.dtype && run.offset % entryBytes(run.dtype) === 0;
  return runs.every(isAlike) ? runs : undefined;
}
