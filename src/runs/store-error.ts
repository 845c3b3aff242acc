import { EvergreenError } from "../util/errors.ts";
import { formatBytes } from "../util/units.ts";

/** No run, or more than one, answers to a name. */
export class RunLookupError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(message, { code: "EG-2301", exit: "usage", fix });
  }
}

/** A file of a run that is missing, torn, altered or of a later format. */
export class RunFileError extends EvergreenError {
  constructor(file: string, message: string, fix = "restore the file, or start a new run") {
    super(`${file}: ${message}`, { code: "EG-4301", exit: "data", fix, place: { file } });
  }
}

/** No checkpoint of the run can be used. */
export class CheckpointError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(message, { code: "EG-4302", exit: "data", fix });
  }
}

/** The disk has no room, before or while something was written. What was durable before stands. */
export class DiskFullError extends EvergreenError {
  constructor(what: string, room: { readonly needed?: number; readonly free?: number; readonly cause?: unknown }) {
    const sizes = room.needed === undefined ? "" : `: needs ${formatBytes(room.needed)}, ${formatBytes(room.free ?? 0)} are free`;
    super(`no room for ${what}${sizes}`, {
      code: "EG-5301",
      exit: "resources",
      fix: "free some space, then resume the run; its last checkpoint is complete",
      cause: room.cause,
    });
  }
}

/** The disk or its rights refuse a write. What was durable before stands. */
class StorageError extends EvergreenError {
  constructor(what: string, cause: NodeJS.ErrnoException) {
    super(`cannot write ${what} (${cause.code})`, {
      code: "EG-5302",
      exit: "resources",
      fix: "check the disk and the rights of the run folder, then resume",
      cause,
    });
  }
}

/** Another process holds the run, or its folder is taken by something else. */
export class RunConflictError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(message, { code: "EG-9301", exit: "conflict", fix });
  }
}

/** A run of that id is there, and it is another one. */
export class RunExistsError extends EvergreenError {
  static readonly code = "EG-9302";
  constructor(id: string, project: string) {
    super(`a run ${id} exists in ${project}`, { code: RunExistsError.code, exit: "conflict", fix: "choose another --run, or resume it" });
  }
}

/** A number that is not finite was about to be stored. */
export class NonFiniteError extends EvergreenError {
  constructor(where: string, value: number) {
    super(`${where} is ${value}, expected a finite number`, {
      code: "EG-7301",
      exit: "numerics",
      fix: "lower the learning rate, or look at the samples of the batch",
    });
  }
}

const full = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const refused = new Set(["EACCES", "EPERM", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOTDIR"]);

/** A failure of the system as the error a caller can act on; anything else as it is. */
export function asStorageError(error: unknown, what: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || error instanceof EvergreenError || code === undefined) return error;
  if (full.has(code)) return new DiskFullError(what, { cause: error });
  return refused.has(code) ? new StorageError(what, error) : error;
}

/** Runs `work`, with failures of the system as errors a caller can act on. */
export function storing<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStorageError(error, what);
  }
}
