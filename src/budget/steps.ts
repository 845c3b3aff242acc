import { EvergreenError } from "../util/errors.ts";

/** How much work a run, or each of its tasks, may take. */
export interface CountedBudget {
  readonly scope: "run" | "task";
  /** Samples count the rows of all sources. */
  readonly unit: "steps" | "samples";
  readonly total: number;
}

/**
 * Steps of every task: ⌊n/B⌋ for n samples a task; a run's total is dealt out evenly, and what does not divide is left over.
 * @throws {EvergreenError} when a task would have no step.
 */
export function stepsPerTask({ scope, unit, total }: CountedBudget, run: { readonly batchSize: number; readonly tasks: number }): number {
  const share = scope === "run" ? Math.floor(total / run.tasks) : total;
  const steps = unit === "samples" ? Math.floor(share / run.batchSize) : share;
  if (steps >= 1) return steps;
  throw new EvergreenError(
    `budget: ${total} ${unit} ${scope === "run" ? `over ${run.tasks} tasks` : "per task"} give no step of ${run.batchSize} samples`,
    {
      code: "EG-3120",
      exit: "config",
      fix:
        unit === "samples"
          ? `give each task at least ${run.batchSize} samples, or lower data.batch_size`
          : `give each task at least one step`,
    },
  );
}
