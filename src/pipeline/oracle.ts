import { type MixtureCourse, mixturesOf } from "../mixtures/course.ts";
import type { Mixture } from "../mixtures/mixture.ts";
import { mixtureNames, mixturePresets } from "../mixtures/presets.ts";
import type { RunSpec } from "../runs/spec.ts";
import { resolveRun, toPlan } from "./resolve.ts";

/**
 * The settings, as `--set` takes them, that make a run the oracle of itself (arXiv:2408.14471, section 5): all its concepts in one task, every step of all its tasks, the
 * buffer's share with the update data, of which everything is now a part. Of the reference setting that is .33/.67/0 and 14,540,800 samples.
 */
export async function oracleSettings(spec: RunSpec, folder: string): Promise<readonly string[]> {
  const { plan } = await resolveRun(spec, folder, toPlan);
  const steps = plan.tasks.map((task) => task.steps);
  const total = steps.reduce((sum, each) => sum + each, 0);
  const mixture = oracleMixture(spec.data.mixture, steps);
  const name = mixtureNames.find((each) => isSame(mixturePresets[each], mixture));
  return [
    `name=${JSON.stringify(`${spec.name}-oracle`)}`,
    "stream.tasks=1",
    "stream.cut_by=null",
    `data.mixture=${name ?? JSON.stringify(mixture)}`,
    // There is nothing to replay.
    "data.buffer=null",
    "data.first_task_rule=null",
    "data.draws.buffer=null",
    ...(mixture.update === 0 ? ["data.draws.update=null"] : []),
    "budget.per_task=null",
    "budget.accounting=null",
    "budget.step_time=null",
    "budget.allowance=null",
    `budget.total=${JSON.stringify(`${total} steps`)}`,
  ];
}

/** The mean of a course's shares over all steps of a run, with the buffer's given to update. */
export function oracleMixture(course: MixtureCourse, steps: readonly number[]): Mixture {
  const all = steps.reduce((sum, each) => sum + each, 0);
  let pretraining = 0;
  steps.forEach((count, task) => {
    const phases = mixturesOf(course, { task, steps: count });
    phases.forEach(({ from, shares }, i) => {
      pretraining += (shares.pretraining * ((phases[i + 1]?.from ?? count) - from)) / all;
    });
  });
  // Shares are told in files: no more digits than a share of the largest batch can feel.
  const rounded = Math.round(pretraining * 1e9) / 1e9;
  return { update: Math.round((1 - rounded) * 1e9) / 1e9, buffer: 0, pretraining: rounded };
}

const isSame = (a: Mixture, b: Mixture): boolean => a.update === b.update && a.buffer === b.buffer && a.pretraining === b.pretraining;
