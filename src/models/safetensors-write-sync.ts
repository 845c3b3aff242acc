import { closeSync, openSync } from "node:fs";
import type { TensorSource } from "./safetensors-write.ts";
import { encodeHeader, layout, writeAll } from "./safetensors-write.ts";

/** A tensor whose bytes are at hand when its turn comes. */
export interface ReadyTensor extends Omit<TensorSource, "data"> {
  readonly data: () => Uint8Array;
}

/**
 * Writes a safetensors file in one go, for a folder that its owner makes durable and renames as a whole (a checkpoint's).
 * The bytes are those of {@link writeSafetensors}.
 */
export function writeSafetensorsSync(path: string, tensors: readonly ReadyTensor[], metadata: Readonly<Record<string, string>> = {}): void {
  const ordered = layout(tensors);
  const file = openSync(path, "wx");
  try {
    writeAll(file, encodeHeader(path, ordered, metadata));
    for (const tensor of ordered) writeAll(file, tensor.data());
  } finally {
    closeSync(file);
  }
}
