import type { Methods } from "../continual/compose.ts";
import type { RunFacts, SeenRows } from "../continual/method.ts";
import { rowInfo, type TrainingRow } from "../training/batches.ts";
import type { TaskWork } from "../training/loop.ts";

/** Tasks whose steps hold the rows that methods ask for, after the mixture's own. */
export function withMethodRows(tasks: readonly TaskWork[], methods: Methods, facts: RunFacts): readonly TaskWork[] {
  if (!methods.asksRows) return tasks;
  const seen: SeenRows = ({ task, step }) => (tasks[task]?.rowsAt(step) ?? []).map(rowInfo);
  return tasks.map((work, task) => ({
    ...work,
    rowsAt: (step) => [
      ...work.rowsAt(step),
      ...methods.rows({ task, step }, seen, facts).map(({ role, from }): TrainingRow => {
        const row = tasks[from.task]?.rowsAt(from.step)[from.row];
        if (!row) throw new Error(`internal: a method asks for row ${from.row} of step ${from.step} of task ${from.task}`);
        return { ...row, source: role };
      }),
    ],
  }));
}
