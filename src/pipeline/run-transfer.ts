import { datasetOf } from "../data/source.ts";
import { type Transfer, transferOf } from "../evaluation/matrix.ts";
import { mainEvaluations } from "../report/content.ts";
import type { PlannedTask } from "../runs/plan.ts";
import type { RunView } from "../runs/view.ts";

/**
 * Transfer and forgetting of a run over its matrix of tasks and data sets. A set counts as learned at the last task that holds a concept of it; one
 * that no task holds is never learned. Undefined without an evaluation before and one after a task.
 */
export function transferOfRun(view: RunView, tasks: readonly Pick<PlannedTask, "concepts">[]): Transfer | undefined {
  const rows = mainEvaluations(view);
  const start = rows.find(({ task }) => task < 0);
  const rowOf = new Map(rows.map((row) => [row.task, row]));
  if (!start || rows.length < 2) return undefined;
  const learnedAt = new Map(tasks.flatMap(({ concepts }, task) => concepts.map((id) => [datasetOf(id), task] as const)));
  const units = Object.keys(start.cells).map((name) => {
    const learned = learnedAt.get(name);
    return { name, ...(learned === undefined ? {} : { learnedAt: learned }) };
  });
  const scores = (row: (typeof rows)[number] | undefined): (number | undefined)[] =>
    units.map(({ name }) => row?.cells[name]?.headline.value);
  return transferOf({ units, before: scores(start), after: tasks.map((_, task) => scores(rowOf.get(task))) });
}
