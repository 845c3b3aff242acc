import type { LedgerRow } from "../runs/rows.ts";
import type { TrainingRow } from "./batches.ts";

/** What a task drew: rows by source, concept and pass. Follows from the task's positions alone, so nothing is counted while it runs. */
export function ledgerOf(
  task: number,
  step: number,
  work: { readonly steps: number; rowsAt(step: number): readonly TrainingRow[] },
): readonly LedgerRow[] {
  const counts = new Map<string, LedgerRow & { n: number }>();
  for (let at = 0; at < work.steps; at++)
    for (const { source, concept, pass } of work.rowsAt(at)) {
      const key = `${source} ${pass} ${concept ?? ""}`;
      const row = counts.get(key);
      if (row) row.n += 1;
      else counts.set(key, { task, s: step, source, ...(concept === undefined ? {} : { concept }), pass, n: 1 });
    }
  return [...counts.values()];
}
