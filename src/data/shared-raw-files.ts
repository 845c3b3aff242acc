import { closeSync, openSync, readSync, statSync } from "node:fs";
import { holdsPixels } from "./pixel-location.ts";
import type { ImageLocation } from "./source.ts";

/** Files of raw pixels, each read once into memory that all threads share, until a number of bytes is reached; the rest is read from disk by row. */
export class SharedRawFiles {
  private left: number;
  private readonly seen = new Set<string>();

  constructor(limit: number) {
    this.left = limit;
  }

  /** The files among these images that were not given out before. What cannot be read here fails later, by the row that names it. */
  fresh(images: readonly ImageLocation[]): { readonly path: string; readonly bytes: SharedArrayBuffer }[] {
    const found: { path: string; bytes: SharedArrayBuffer }[] = [];
    for (const image of images) {
      if (!holdsPixels(image) || this.seen.has(image.path)) continue;
      this.seen.add(image.path);
      const bytes = readShared(image.path, this.left);
      if (!bytes) continue;
      this.left -= bytes.byteLength;
      found.push({ path: image.path, bytes });
    }
    return found;
  }
}

function readShared(path: string, limit: number): SharedArrayBuffer | undefined {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (!facts?.isFile() || facts.size > limit || facts.size === 0) return undefined;
  const memory = new SharedArrayBuffer(facts.size);
  const bytes = new Uint8Array(memory);
  const file = openSync(path, "r");
  try {
    for (let done = 0; done < facts.size; ) {
      const got = readSync(file, bytes, done, Math.min(2 ** 26, facts.size - done), done);
      if (got === 0) return undefined;
      done += got;
    }
    return memory;
  } finally {
    closeSync(file);
  }
}
