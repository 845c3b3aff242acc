import { EvergreenError } from "../util/errors.ts";
import type { Charge } from "./cost.ts";

/** How much work a run, or each of its tasks, may take. */
export interface Budget {
  readonly scope: "run" | "task";
  /** Samples count the rows of all sources; time counts milliseconds. */
  readonly unit: "mafs" | "flops" | "samples" | "steps" | "time";
  readonly total: number;
}

/** What steps and what lies beside them cost, in the budget's own unit. */
export interface Price extends Charge {
  /** Never above the budget; else steps are rounded to the nearest whole number, as the published table does where nothing is charged per task. */
  readonly strict: boolean;
}

/** What a budget is divided for. */
export interface Division {
  readonly batchSize: number;
  readonly tasks: number;
  /** For budgets of MAFs, FLOPs and time. */
  readonly price?: Price;
}

/**
 * Steps of every task. Counted budgets: ⌊n/B⌋ for n samples a task; a run's total is dealt out evenly, and what does not divide is left over.
 * Priced ones: round(F/T/p) for a step's price p, or ⌊(F/T − c)/p⌋ where a task costs c beside its steps (arXiv:2408.14471, section 3.2).
 * @throws {EvergreenError} when a task would have no step.
 * @example stepsPerTask({ scope: "task", unit: "samples", total: 727_040 }, { batchSize: 512, tasks: 20 }) // 1420
 */
export function stepsPerTask(budget: Budget, division: Division): number {
  const { scope, unit, total } = budget;
  const { batchSize, tasks } = division;
  if (unit === "mafs" || unit === "flops" || unit === "time") return pricedSteps(budget, division);
  const share = scope === "run" ? Math.floor(total / tasks) : total;
  const steps = unit === "samples" ? Math.floor(share / batchSize) : share;
  if (steps >= 1) return steps;
  throw new EvergreenError(
    `budget: ${total} ${unit} ${scope === "run" ? `over ${tasks} tasks` : "per task"} give no step of ${batchSize} samples`,
    {
      code: "EG-3120",
      exit: "config",
      fix:
        unit === "samples" ? `give each task at least ${batchSize} samples, or lower data.batch_size` : `give each task at least one step`,
    },
  );
}

function pricedSteps({ scope, unit, total }: Budget, { tasks, price }: Division): number {
  if (!price) throw new Error(`internal: a budget of ${unit} without a price`);
  const { runStart, perTask, perStep, strict } = price;
  const share = scope === "run" ? (total - runStart) / tasks : total - runStart;
  const exact = (share - perTask) / perStep;
  // A budget that was worked out from whole steps gives them, whatever its division rounded.
  const steps = strict || perTask > 0 ? Math.floor(exact * (1 + 4 * Number.EPSILON)) : Math.round(exact);
  if (steps >= 1) return steps;
  const each = runStart / (scope === "run" ? tasks : 1) + perTask + perStep;
  const least = scope === "run" ? each * tasks : each;
  throw new EvergreenError(`budget: ${shown(total, unit)} ${scope === "run" ? `over ${tasks} tasks` : "per task"} give no step`, {
    code: "EG-3120",
    exit: "config",
    fix: `the smallest that gives every task a step: ${shown(least, unit)}`,
  });
}

const shown = (amount: number, unit: Budget["unit"]): string =>
  unit === "time" ? `${Math.ceil(amount)} ms` : `${Math.ceil(amount / 1e5) / 1e4} ${unit === "mafs" ? "GMAF" : "GFLOP"}`;

/** What a run of these steps is charged: whole numbers of steps and tasks times their prices. */
export function chargedTotal(steps: readonly number[], { runStart, perTask, perStep }: Charge): number {
  return runStart + steps.length * perTask + steps.reduce((sum, each) => sum + each, 0) * perStep;
}

/** Batches that the end of a task can work through: `wanted`, but no more than its pool gives. */
export const batchesOfPool = (wanted: number, poolSamples: number, batchSize: number): number =>
  Math.min(wanted, Math.floor(poolSamples / batchSize));
