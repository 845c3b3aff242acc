import type { RunSpec } from "../runs/spec.ts";
import { scheduleOf } from "./assemble.ts";
import { resolveRun, toPlan } from "./resolve.ts";

/** Learning rates of a task before it is run. */
export interface TaskRates {
  readonly name?: string;
  /** Step by step. */
  readonly rates: readonly number[];
}

/** The rate of every step of a run, from the same plan and the same schedule as its training. Reads no image and no weight. */
export async function ratesOf(spec: RunSpec, folder: string): Promise<readonly TaskRates[]> {
  const { plan } = await resolveRun(spec, folder, toPlan);
  const schedule = await scheduleOf(spec);
  const steps = plan.tasks.map((task) => task.steps);
  return plan.tasks.map(({ name, steps: count }, task) => ({
    ...(name === undefined ? {} : { name }),
    rates: Array.from({ length: count }, (_, step) => spec.optim.lr * schedule({ task, step, steps })),
  }));
}
