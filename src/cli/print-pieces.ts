import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Writes a long result to stdout piece by piece, as fast as its reader takes it. */
export async function printPieces(pieces: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), process.stdout, { end: false });
  } catch (error) {
    // The reader went away, as `head` does.
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}
