import { EvergreenError, formatPlace, type Place } from "./errors.ts";

/** One thing wrong in a configuration. */
export interface Problem {
  readonly place: Place;
  /** Dotted path of the key, where it is known. */
  readonly path?: string;
  /** What is wrong, what was expected, what it got. */
  readonly message: string;
  readonly fix?: string;
}

/** Everything that is wrong with a configuration, in the order of the text. */
export class ConfigError extends EvergreenError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], code = "EG-3001") {
    const ordered = inTextOrder(problems);
    const [first] = ordered;
    const single = ordered.length === 1 && first;
    super(
      single
        ? formatProblem(first, false)
        : [`${ordered.length} problems in the configuration`, ...ordered.map((problem) => `  ${formatProblem(problem, true)}`)].join("\n"),
      {
        code,
        exit: "config",
        ...(single && first.fix ? { fix: first.fix } : {}),
        ...(first ? { place: first.place } : {}),
      },
    );
    this.problems = ordered;
  }
}

function formatProblem(problem: Problem, withPlace: boolean): string {
  const head = withPlace ? `${formatPlace(problem.place)}: ` : "";
  const path = problem.path ? `${problem.path}: ` : "";
  return `${head}${path}${problem.message}${withPlace && problem.fix ? `; ${problem.fix}` : ""}`;
}

/** By line and column within a file, files in the order of their first problem; exact repeats are dropped. */
function inTextOrder(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map((problem) => problem.place.file))];
  const unique = [...new Map(problems.map((problem) => [formatProblem(problem, true), problem])).values()];
  const key = ({ place }: Problem): number => files.indexOf(place.file) * 1e12 + (place.line ?? 0) * 1e5 + (place.column ?? 0);
  return unique.sort((a, b) => key(a) - key(b));
}
