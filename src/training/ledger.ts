import type { LedgerRow } from "../runs/rows.ts";
import type { TrainingRow } from "./batches.ts";

/** What a task drew: rows by source, concept and pass. Follows from the task's positions alone, so nothing is counted while it runs. */
export function ledgerOf(
  task: number,
  step: number,
  work: { readonly steps: number; rowsAt(step: number): readonly TrainingRow[] },
): readonly LedgerRow[] {
  const rows: (LedgerRow & { n: number })[] = [];
  const known = new Map<string, Map<string | undefined, LedgerRow & { n: number }>>();
  for (let at = 0; at < work.steps; at++)
    for (const { source, concept, pass } of work.rowsAt(at)) {
      const key = `${source} ${pass}`;
      const byConcept = known.get(key) ?? new Map<string | undefined, LedgerRow & { n: number }>();
      known.set(key, byConcept);
      let row = byConcept.get(concept);
      if (!row) {
        row = { task, s: step, source, ...(concept === undefined ? {} : { concept }), pass, n: 0 };
        byConcept.set(concept, row);
        rows.push(row);
      }
      row.n += 1;
    }
  return rows;
}
