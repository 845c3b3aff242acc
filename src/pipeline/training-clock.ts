import type { StepEvent } from "../runs/event.ts";
import type { RunPlan } from "../runs/plan.ts";
import { stepEvents } from "../runs/rows.ts";
import { RunReader } from "../runs/run-reader.ts";
import type { BudgetSpec, RunSpec } from "../runs/spec.ts";
import { EvergreenError } from "../util/errors.ts";
import { formatDuration } from "../util/units.ts";

/** What the clock hears of a step. */
export type TimedStep = Pick<StepEvent, "task" | "step" | "timing">;

/**
 * The run's own clock under a budget of time: what its steps took, whenever they were made. Evaluation and checkpoints are not charged, nor is what was lost in a crash; the time of
 * the steps that stand in the journal is the same for every resume, and so is what follows from it.
 */
export class TrainingClock {
  private readonly budget: BudgetSpec;
  private readonly ends: readonly number[];
  private spentMs = 0;
  private task = 0;
  private step = 0;

  /** `tasks` are those of the plan; `done` the steps that were made before. */
  constructor(budget: BudgetSpec, tasks: readonly { readonly steps: number }[], done: readonly TimedStep[] = []) {
    this.budget = budget;
    let sum = 0;
    this.ends = tasks.map(({ steps }) => {
      sum += steps;
      return sum;
    });
    for (const each of done) this.take(each);
  }

  take({ task, step, timing }: TimedStep): void {
    if (this.budget.scope === "task" && task !== this.task) this.spentMs = 0;
    this.task = task;
    this.step = step;
    this.spentMs += timing?.batchMs ?? 0;
  }

  /** Between two steps of a task. A task whose last step is made comes to its end: that is not charged. */
  get isOver(): boolean {
    return this.isPassed && this.step !== this.ends[this.task];
  }

  /** A run whose last step is made is not stopped, nor is a task that has not begun for what the one before it took. */
  assertNotOver(): void {
    const isAtEnd = this.step === this.ends[this.task] && (this.budget.scope === "task" || this.step === this.ends.at(-1));
    if (this.isPassed && !isAtEnd) throw new TimePassedError(this.budget, this.spentMs, { done: this.step, of: this.ends.at(-1) ?? 0 });
  }

  private get isPassed(): boolean {
    const { unit, total, allowance = 0 } = this.budget;
    return unit === "time" && this.spentMs > total * (1 + allowance);
  }
}

/** The clock of a run folder as its journal has it, up to a step; of one without a budget of time nothing is read. */
export function clockOf(
  folder: string,
  plan: Pick<RunPlan, "tasks"> & { readonly spec: Pick<RunSpec, "budget"> },
  upTo = Number.POSITIVE_INFINITY,
): TrainingClock {
  const { budget } = plan.spec;
  const done = budget.unit === "time" ? stepEvents(new RunReader(folder).metrics()) : [];
  return new TrainingClock(
    budget,
    plan.tasks,
    done.filter(({ step }) => step <= upTo),
  );
}

/** The steps of a run took longer than its budget and its allowance. */
class TimePassedError extends EvergreenError {
  constructor({ scope, total, allowance = 0 }: BudgetSpec, spentMs: number, { done, of }: { readonly done: number; readonly of: number }) {
    const given = `${formatDuration(total)}${scope === "task" ? " a task" : ""} and ${Number((100 * allowance).toFixed(4))} % more`;
    super(`budget: ${formatDuration(spentMs)} were spent on steps of ${given}; ${done} of ${of} steps are made and saved`, {
      code: "EG-3124",
      exit: "config",
      fix: "raise budget.allowance in the run's config.yaml and resume it, which is exact; or plan anew with the step_time that evergreen plan --calibrate measures",
    });
  }
}
