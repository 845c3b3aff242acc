import type { PlannedTask } from "../runs/plan.ts";
import { EvergreenError } from "../util/errors.ts";

/** Where a run stands. */
export interface DoneWork {
  /** Steps that were applied over the whole run, whatever the plan was then. */
  readonly applied: number;
  /** Task under way, from 0; −1 before the first. */
  readonly task: number;
  /** Steps applied in it. */
  readonly step: number;
}

/**
 * Holds what was done and what is left against what the plan promises: a plan that shrank while its run was under way cannot be kept. Every step of a run costs
 * the same, so steps say it for every unit of budgets.
 * @throws {BudgetPassedError}
 */
export function assertWithinPlan(tasks: readonly Pick<PlannedTask, "steps">[], done: DoneWork): void {
  const promised = tasks.reduce((sum, { steps }) => sum + steps, 0);
  const left = tasks.reduce((sum, { steps }, task) => {
    if (task < done.task) return sum;
    return sum + (task === done.task ? Math.max(0, steps - done.step) : steps);
  }, 0);
  if (done.applied + left > promised) throw new BudgetPassedError({ ...done, left, promised });
}

/** Going on would spend more than the plan promises. */
export class BudgetPassedError extends EvergreenError {
  constructor({ applied, left, promised }: { readonly applied: number; readonly left: number; readonly promised: number }) {
    super(`budget: ${applied} steps are done and ${left} are left, ${applied + left} where the plan has ${promised}`, {
      code: "EG-3123",
      exit: "config",
      fix: "put the budget and the tasks back as they were, raise the budget, or begin a new run",
    });
  }
}
