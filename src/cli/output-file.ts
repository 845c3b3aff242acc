import { accessSync, closeSync, constants, openSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { replaceFile } from "../util/atomic-file.ts";
import { EvergreenError } from "../util/errors.ts";

/** Writes a file that a user named: whole or not at all, in place of one that was there. @throws {OutputError} when it cannot be written. */
export function writeOutput(path: string, pieces: Iterable<string | Uint8Array>): void {
  try {
    replaceFile(path, (temporary) => {
      const fd = openSync(temporary, "w");
      try {
        for (const piece of pieces) writeFileSync(fd, piece);
      } finally {
        closeSync(fd);
      }
    });
  } catch (error) {
    if (error instanceof Error && "code" in error) throw new OutputError(path, error as NodeJS.ErrnoException);
    throw error;
  }
}

/** Refuses a file whose folder cannot be written to, before the work of making it. @throws {OutputError} */
export function checkOutput(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new OutputError(path, error as NodeJS.ErrnoException);
  }
}

/** A file or folder that a user named and that cannot be written. */
export class OutputError extends EvergreenError {
  constructor(path: string, cause: NodeJS.ErrnoException) {
    const fixes: Readonly<Record<string, string>> = { ENOENT: "make its folder first", ENOSPC: "free some space", EISDIR: "name a file" };
    super(`${path}: cannot be written (${cause.code})`, {
      code: "EG-5601",
      exit: "resources",
      fix: fixes[cause.code ?? ""] ?? "choose another place, or mend its rights",
      cause,
    });
  }
}
