import { parseWarmup } from "../runs/spec-values.ts";
import { createRandom } from "../util/random.ts";
import { testImages } from "./plan-unopened.ts";
import type { Resolved } from "./resolve.ts";

/** Test images that the evaluations of a run embed, each as often as there are models that are scored as one. */
export interface PlannedEvaluations {
  /** Before the first task. */
  readonly before: number;
  /** After each task; 0 after one that is not evaluated. */
  readonly after: readonly number[];
  /** Of one evaluation in the midst of a task, and how many each task has. */
  readonly inside: number;
  readonly insides: readonly number[];
}

/** All items before the first task and after the last, the subset between them. A task is evaluated inside after those of the listed steps that lie before its last one. */
export function plannedEvaluations({ plan, data, methods }: Pick<Resolved, "plan" | "data" | "methods">): PlannedEvaluations {
  const { every, subset, inside = [] } = plan.spec.eval.during;
  const whole = testImages(data.evaluated);
  const fraction = subset === undefined ? undefined : parseWarmup(subset);
  const part = fraction === undefined ? whole : testImages(data.evaluated, { fraction, random: createRandom(plan.spec.seed) });
  const last = plan.tasks.length - 1;
  const isDue = (task: number): boolean => every !== "never" && (task + 1) % (every === "task" ? 1 : every) === 0;
  return {
    before: whole,
    after: plan.tasks.map((_, task) => (task === last ? whole : isDue(task) ? part : 0) * Math.max(1, methods.ensemble(task).length)),
    inside: part,
    insides: plan.tasks.map(({ steps }) => (whole === 0 ? 0 : inside.filter((step) => step < steps).length)),
  };
}
