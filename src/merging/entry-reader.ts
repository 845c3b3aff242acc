import { reshape, slice, to } from "../engine/ops.ts";
import { read, type Tensor, type Weights } from "../engine/tensor.ts";

/** One model's tensors, by OpenCLIP's names, a run of entries at a time. */
export interface EntryReader {
  has(name: string): boolean;
  /** Entries offset … offset + size in row order, [size]; float16 and bfloat16 as they are stored, all else as float32. */
  read(name: string, at: { readonly offset: number; readonly size: number }): Tensor;
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
