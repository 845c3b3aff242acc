import { EvergreenError, type Place } from "../util/errors.ts";

/** Data that cannot be used as it lies. */
export class DataError extends EvergreenError {
  constructor(
    message: string,
    about: { readonly code?: string; readonly fix?: string; readonly place?: Place; readonly cause?: unknown } = {},
  ) {
    super(message, { code: "EG-4101", exit: "data", ...about });
  }
}

/** One image that cannot be read; `item` is its file or its place in an archive. */
export class UnreadableImageError extends DataError {
  readonly item: string;

  constructor(item: string, reason: string, cause?: unknown) {
    super(`${item}: ${reason}`, { code: "EG-4102", fix: "mend or remove the image, or let unreadable images be skipped", cause });
    this.item = item;
  }
}

/** A limit against hostile input was met (header, members, pixels, expansion, names). */
export class DataLimitError extends DataError {
  constructor(message: string, fix?: string) {
    super(message, { code: "EG-4103", ...(fix === undefined ? {} : { fix }) });
  }
}

/** A worker died, or no image was finished for too long. */
export class LoaderError extends DataError {
  constructor(message: string, fix: string, cause?: unknown) {
    super(message, { code: "EG-4104", fix, cause });
  }
}

/** The message of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
