import { EvergreenError } from "../util/errors.ts";
import { quoted } from "../util/quoted.ts";

/** What is wrong with a weights file, for callers that handle some kinds. */
export type WeightsFileProblem =
  | "unreadable"
  | "foreign"
  | "truncated"
  | "trailing"
  | "header"
  | "duplicate"
  | "dtype"
  | "shape"
  | "offsets"
  | "overlap"
  | "gap"
  | "index"
  | "write";

/** A weights file that cannot be used, or could not be written. */
export class WeightsFileError extends EvergreenError {
  readonly path: string;
  readonly problem: WeightsFileProblem;
  /** The tensor at fault, when it is one. */
  readonly tensor: string | undefined;

  constructor(path: string, problem: WeightsFileProblem, message: string, more: { tensor?: string; fix?: string; cause?: unknown } = {}) {
    super(`${path}: ${more.tensor === undefined ? "" : `tensor ${quoted(more.tensor)} `}${message}`, {
      code: "EG-4401",
      exit: "data",
      ...(more.fix === undefined ? {} : { fix: more.fix }),
      ...(more.cause === undefined ? {} : { cause: more.cause }),
    });
    this.path = path;
    this.problem = problem;
    this.tensor = more.tensor;
  }
}
