/** Exit codes of the command, as a scheduler reads them (docs/exit-codes.md). */
export const exitCodes = {
  done: 0,
  internal: 1,
  usage: 2,
  config: 3,
  data: 4,
  resources: 5,
  network: 6,
  numerics: 7,
  assertion: 8,
  conflict: 9,
  undecided: 10,
  stopped: 75,
} as const;
export type ExitKind = keyof typeof exitCodes;

/** Where in a file an error lies; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface ErrorDetails {
  /** Stable, `EG-` and four digits; the first digit is the exit code's where that is below 10. */
  readonly code: string;
  readonly exit: ExitKind;
  /** One sentence that tells how to mend it. */
  readonly fix?: string;
  readonly place?: Place;
  readonly cause?: unknown;
}

/** A failure that a caller or a user can act on. Anything else that is thrown is a defect of ours. */
export class EvergreenError extends Error {
  readonly code: string;
  readonly exit: ExitKind;
  readonly fix: string | undefined;
  readonly place: Place | undefined;

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.exit = details.exit;
    this.fix = details.fix;
    this.place = details.place;
  }
}

/** Wrong flag or command. */
export class UsageError extends EvergreenError {
  constructor(message: string, fix?: string) {
    super(message, { code: "EG-2001", exit: "usage", ...(fix === undefined ? {} : { fix }) });
  }
}

/** `run.yaml:14:9`, without the parts that are not known. */
export function formatPlace(place: Place): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(":");
}

/** The error as the terminal shows it, lines joined by newlines. */
export function formatError(error: unknown): string {
  if (!(error instanceof EvergreenError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `error[EG-1001]: internal: ${text}\n  this is a defect of Evergreen; please report it with the lines above`;
  }
  const lines = [`error[${error.code}]: ${error.message}`];
  if (error.place) lines.push(`  at ${formatPlace(error.place)}`);
  if (error.fix) lines.push(`  fix: ${error.fix}`);
  return lines.join("\n");
}

/** The known name nearest to `given`, if one is near enough to be a slip of the finger. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const scored = known.map((name) => [editDistance(given.toLowerCase(), name.toLowerCase()), name] as const).sort((a, b) => a[0] - b[0]);
  const best = scored[0];
  return best && best[0] <= Math.max(2, Math.floor(given.length / 3)) ? best[1] : undefined;
}

/** A fix for a name that is unknown: the one that was meant, or all there are. */
export function hint(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  return near ? `did you mean: ${near}` : `one of: ${known.join(", ")}`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
