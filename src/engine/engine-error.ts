import { EvergreenError, type ExitKind } from "../util/errors.ts";

/** What the addon says went wrong. */
export type EngineFailure =
  | "argument"
  | "freed"
  | "borrowed"
  | "scope"
  | "unknown-operator"
  | "unsupported"
  | "operator"
  | "out-of-memory"
  | "file"
  | "unavailable"
  | "environment";

const details: Readonly<Record<EngineFailure, { readonly code: string; readonly exit: ExitKind; readonly fix?: string }>> = {
  argument: { code: "EG-1101", exit: "internal" },
  freed: { code: "EG-1102", exit: "internal" },
  borrowed: { code: "EG-1103", exit: "internal", fix: "keep a snapshot() of it" },
  scope: { code: "EG-1104", exit: "internal" },
  "unknown-operator": { code: "EG-1105", exit: "internal" },
  unsupported: { code: "EG-1106", exit: "internal" },
  operator: { code: "EG-1107", exit: "internal" },
  "out-of-memory": {
    code: "EG-5101",
    exit: "resources",
    fix: "lower data.batch_size, set engine.micro_batch or engine.activation_checkpointing, or raise engine.memory_limit",
  },
  file: { code: "EG-4101", exit: "data" },
  unavailable: { code: "EG-5102", exit: "resources", fix: "run `npm run setup`; `evergreen doctor` shows what is missing" },
  environment: { code: "EG-3101", exit: "config" },
};

/** A failure in the engine; `failure` is its kind. */
export class EngineError extends EvergreenError {
  readonly failure: EngineFailure;

  constructor(failure: EngineFailure, message: string, options: { readonly fix?: string; readonly cause?: unknown } = {}) {
    const known = details[failure];
    const fix = options.fix ?? known.fix;
    super(message, {
      code: known.code,
      exit: known.exit,
      ...(fix === undefined ? {} : { fix }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.failure = failure;
  }
}

/** What a native call threw, as a typed error that names the operator. */
export function asEngineError(error: unknown, operator: string): unknown {
  if (!(error instanceof Error) || !("engineCode" in error)) return error;
  const failure = error.engineCode as EngineFailure;
  return new EngineError(failure in details ? failure : "operator", `${operator}: ${error.message.split("\n")[0] ?? ""}`);
}
