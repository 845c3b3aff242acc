import type { Methods } from "../continual/compose.ts";
import type { DrawnAt, MethodRow, RunFacts, SeenRows } from "../continual/method.ts";
import { rowInfo, type TrainingRow } from "../training/batches.ts";
import type { TaskWork } from "../training/loop.ts";

/** Tasks whose steps hold the rows that methods ask for, after the mixture's own. */
export function withMethodRows(tasks: readonly TaskWork[], methods: Methods, facts: RunFacts): readonly TaskWork[] {
  if (!methods.asksRows) return tasks;
  const seen = seenRows(tasks);
  const find = rowFinder(tasks);
  return tasks.map((work, task) => ({
    ...work,
    rowsAt: (step) => [...work.rowsAt(step), ...find(methods.rows({ task, step }, seen, facts))],
  }));
}

/** Steps at most that {@link meanAsked} looks at. */
const lookedAt = 2000;

/** How many rows methods ask for in a step: the mean over a run, of evenly spaced steps where it has many. A reservoir gives few until it is full, and a first task has nothing behind it. */
export function meanAsked(tasks: readonly TaskWork[], methods: Methods, facts: RunFacts): number {
  if (!methods.asksRows) return 0;
  const seen = seenRows(tasks);
  const places = tasks.flatMap(({ steps }, task) => Array.from({ length: steps }, (_, step) => ({ task, step })));
  const stride = Math.ceil(places.length / lookedAt);
  const chosen = places.filter((_, i) => i % stride === 0);
  return chosen.reduce((sum, at) => sum + methods.rows(at, seen, facts).length, 0) / chosen.length;
}

/** The mixture's rows of any step of a run. */
export function seenRows(tasks: readonly TaskWork[]): SeenRows {
  const within = ({ task, step }: { readonly task: number; readonly step: number }): TaskWork | undefined => {
    const work = tasks[task];
    return work && step < work.steps ? work : undefined;
  };
  const rows = (at: Parameters<SeenRows>[0]) => (within(at)?.rowsAt(at.step) ?? []).map(rowInfo);
  const roles: SeenRows["roles"] = (at) => within(at)?.rolesAt?.(at.step) ?? rows(at).map(({ role }) => role);
  return Object.assign(rows, { roles });
}

/** Rows kept beside those of the last step: a reservoir asks for the same ones step after step. */
const kept = 2048;

/** Rows by where they were drawn. What it keeps only saves time. */
function rowFinder(tasks: readonly TaskWork[]): (asked: readonly MethodRow[]) => readonly TrainingRow[] {
  let known = new Map<string, TrainingRow>();
  const keyOf = ({ task, step, row }: DrawnAt): string => `${task}/${step}/${row}`;
  const draw = (places: readonly DrawnAt[]): void => {
    // A whole batch is drawn for one row, and a task's order is remembered until another one's is asked for.
    let batch: { readonly task: number; readonly step: number; readonly rows: readonly TrainingRow[] } | undefined;
    for (const place of [...places].sort((a, b) => a.task - b.task || a.step - b.step)) {
      const { task, step, row } = place;
      if (batch?.task !== task || batch.step !== step) batch = { task, step, rows: tasks[task]?.rowsAt(step) ?? [] };
      const found = batch.rows[row];
      if (!found) throw new Error(`internal: a method asks for row ${row} of step ${step} of task ${task}`);
      known.set(keyOf(place), found);
    }
  };
  return (asked) => {
    draw(asked.map(({ from }) => from).filter((from) => !known.has(keyOf(from))));
    const rows = asked.map(({ from }) => known.get(keyOf(from)) as TrainingRow);
    if (known.size > asked.length + kept) known = new Map(asked.map(({ from }, i) => [keyOf(from), rows[i] as TrainingRow]));
    return rows.map((row, i) => ({ ...row, source: asked[i]?.role ?? row.source, ...(asked[i]?.mark ? { mark: asked[i].mark } : {}) }));
  };
}
