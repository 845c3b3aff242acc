import { forwardFlops } from "../budget/tower.ts";
import { type KernelTable, useKernels } from "../engine/kernels.ts";
import type { RunSpending, Spending } from "../report/budget-figure.ts";
import type { StoredPlan } from "../runs/run-reader.ts";
import type { RunSpec } from "../runs/spec.ts";
import { accountingName } from "../runs/spec-values.ts";
import type { RunView } from "../runs/view.ts";
import { formatDuration, formatFlops } from "../util/units.ts";
import { taskEndFlops } from "./plan-cost.ts";
import { workOf } from "./plan-shape.ts";
import { forecastStep } from "./plan-step.ts";
import { plannedEvaluations } from "./planned-evaluations.ts";
import { type Resolved, resolveRun, toPlan } from "./resolve.ts";

/** FLOPs of the run's start, of a step and of each task's end; how many MAFs a FLOP is, where memory is charged. */
interface Costs {
  readonly start: number;
  readonly step: number;
  readonly ends: readonly number[];
  readonly multiplier?: number;
}

/**
 * Where the compute of a run goes: what its plan promises and what its journal says was done, at the plan's prices: the closed form or the meter, as the budget is divided; the
 * meter for budgets that are no FLOPs. Data and weights need not be there.
 */
export async function spendingOfRun(
  spec: RunSpec,
  folder: string,
  { plan, view }: { readonly plan: StoredPlan; readonly view: RunView },
): Promise<RunSpending> {
  // Kernels that attend in another way count otherwise.
  useKernels(plan.engine.kernels as KernelTable);
  const resolved = await resolveRun(spec, folder, toPlan);
  const costs = await costsOf(resolved);
  const { multiplier = 1 } = costs;
  const { unit, scope, total, stepMs = Number.NaN } = spec.budget;
  const counted = { steps: costs.step, samples: costs.step / spec.data.batchSize, time: costs.step / stepMs } as const;
  const isPriced = unit === "mafs" || unit === "flops";
  const allowed = (isPriced ? 1 / multiplier : counted[unit]) * total * (scope === "task" ? plan.tasks.length : 1);
  // Where steps are counted, what methods do beside them comes on top.
  const others = isPriced ? 0 : costs.ends.reduce((sum, end) => sum + end, costs.start);
  const { before, tasks } = evaluationOf(resolved, view);
  return {
    before,
    tasks: plan.tasks.map(({ steps }, task) => {
      const end = costs.ends[task] ?? 0;
      const start = task === 0 ? costs.start : 0;
      const { done = 0, state = "waiting" } = view.tasks[task] ?? {};
      return {
        steps: { planned: steps * costs.step, spent: done * costs.step },
        beside: { planned: start + end, spent: (state === "waiting" ? 0 : start) + (state === "done" ? end : 0) },
        evaluation: tasks[task] ?? { planned: 0, spent: 0 },
      };
    }),
    budget: allowed + others,
    given: [
      amountOf(spec) + (scope === "task" ? " a task" : ""),
      accountingName(spec.budget),
      others > 0 ? "and what lies beside steps" : undefined,
    ]
      .filter((each) => each !== undefined)
      .join(", "),
    ...(costs.multiplier === undefined ? {} : { multiplier: costs.multiplier }),
  };
}

async function costsOf(resolved: Resolved): Promise<Costs> {
  const { plan, price } = resolved;
  const { unit } = plan.spec.budget;
  if (price && (unit === "mafs" || unit === "flops")) {
    const { multiplier } = price;
    return {
      start: price.runStart / multiplier,
      step: price.perStep / multiplier,
      ends: plan.tasks.map(() => price.perTask / multiplier),
      ...(unit === "mafs" ? { multiplier } : {}),
    };
  }
  const { metered, startFlops, between } = await forecastStep(resolved);
  return { start: startFlops, step: metered, ends: taskEndFlops(resolved, between.flops) };
}

/** Evaluations by the images they embed; one counts as spent when it stands in the journal. */
function evaluationOf(resolved: Resolved, { evaluations }: RunView): { readonly before: Spending; readonly tasks: readonly Spending[] } {
  const planned = plannedEvaluations(resolved);
  const forward = forwardFlops(workOf(resolved.model.config).image);
  const found = (task: number, isInside: boolean): number =>
    evaluations.filter((row) => row.task === task && (row.state === "inside") === isInside).length;
  return {
    before: { planned: forward * planned.before, spent: found(-1, false) > 0 ? forward * planned.before : 0 },
    tasks: planned.after.map((images, task) => ({
      planned: forward * (images + planned.inside * (planned.insides[task] ?? 0)),
      spent: forward * ((found(task, false) > 0 ? images : 0) + planned.inside * found(task, true)),
    })),
  };
}

function amountOf({ budget: { unit, total } }: RunSpec): string {
  if (unit === "time") return formatDuration(total);
  return unit === "mafs" || unit === "flops" ? formatFlops(total, unit === "mafs" ? "MAF" : "FLOP") : `${total} ${unit}`;
}
