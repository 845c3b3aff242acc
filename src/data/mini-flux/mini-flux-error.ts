import { EvergreenError } from "../../util/errors.ts";

/** A cache of mini-flux that cannot be read or made. */
export class MiniFluxError extends EvergreenError {
  constructor(message: string, fix: string, cause?: unknown) {
    super(`mini-flux: ${message}`, { code: "EG-4130", exit: "data", fix, ...(cause === undefined ? {} : { cause }) });
  }
}

/** The packages that mini-flux is built from could not be installed. */
export class MiniFluxFetchError extends EvergreenError {
  constructor(message: string, fix: string, cause?: unknown) {
    super(`mini-flux: ${message}`, { code: "EG-6130", exit: "network", fix, ...(cause === undefined ? {} : { cause }) });
  }
}
