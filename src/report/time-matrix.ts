import type { SplitScores } from "../runs/event.ts";
import type { EvaluationView, RunView } from "../runs/view.ts";
import { evaluationName, mainEvaluations, taskName } from "./content.ts";
import { points, score, withInterval } from "./numbers.ts";
import type { Table } from "./table.ts";

/** Measures over the matrix of tasks by tests of tasks, shares; undefined where no entry allows them. */
export interface TimeMeasures {
  /** Means of the diagonal, of the entries below it and of those above. */
  readonly inDomain: number | undefined;
  readonly past: number | undefined;
  readonly future: number | undefined;
  /** Backward and forward transfer and forgetting, with each task's tests as a unit. */
  readonly backward: number | undefined;
  readonly forward: number | undefined;
  readonly forgetting: number | undefined;
}

/** An evaluation that was scored on the tests in time. */
export type TimedRow = EvaluationView & { readonly splits: SplitScores };

/** Rows of the matrix, in order of tasks; empty for a run that is not scored on them. */
export function timedRows(view: RunView): readonly TimedRow[] {
  return mainEvaluations(view).flatMap((row) => (row.scores?.splits ? [{ ...row, splits: row.scores.splits }] : []));
}

const right = { align: "right" } as const;

/** A row what was trained through, a column whose tests; per cent. */
export function timeTable(view: RunView, intervals = false): Table {
  const rows = timedRows(view);
  const tests = rows[0]?.splits.dynamic ?? [];
  return {
    columns: [
      { title: "trained through" },
      ...tests.map((_, task) => ({ title: taskName(task, view), ...right })),
      { title: "static", ...right },
    ],
    rows: rows.map(({ task, splits }) => [
      task < 0 ? evaluationName(task, view) : taskName(task, view),
      ...[...splits.dynamic, splits.static].map(
        (found) => (intervals ? withInterval(found ?? undefined) : found && score(found.value)) ?? undefined,
      ),
    ]),
  };
}

/** What the matrix says, in words. */
export function timeReading(view: RunView, measures: TimeMeasures | undefined): string {
  const rows = timedRows(view);
  const shares = [
    ["in domain", measures?.inDomain],
    ["on tasks before", measures?.past],
    ["on tasks still to come", measures?.future],
  ] as const;
  const differences = [
    ["backward transfer", measures?.backward],
    ["forward transfer", measures?.forward],
    ["forgetting", measures?.forgetting],
  ] as const;
  const told = (named: readonly (readonly [string, number | undefined])[], text: (value: number) => string): string =>
    named.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${text(value)}`])).join(", ");
  const means = told(shares, (value) => `${score(value)} %`);
  const transfer = told(differences, (value) => `${points(value)} points`);
  const [first, last] = [rows[0]?.splits.static, rows.at(-1)?.splits.static];
  const still = first && last && rows.length > 1 ? `The static tests went from ${score(first.value)} to ${score(last.value)} %.` : "";
  return [means && `Mean scores: ${means}.`, transfer && `${transfer[0]?.toUpperCase()}${transfer.slice(1)}.`, still]
    .filter((each) => each)
    .join(" ");
}
