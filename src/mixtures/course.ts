import { extentSteps } from "../schedules/warmup.ts";
import { joinOrder, type Mixture, MixtureError } from "./mixture.ts";

/** Shares of a batch from a step of each task on, for a task and those after it. */
interface MixturePhase {
  /** First task it holds for, from 0. */
  readonly task: number;
  /** Where in a task it begins: below 1 a share of the task's steps (rounded up), else a number of steps. */
  readonly from: number;
  readonly shares: Mixture;
}

/**
 * A mixture over the whole run. A task follows the phases of the last `task` that is not after its own: those of an earlier one do not go on beside them.
 * A mixture that never changes is one phase.
 */
export type MixtureCourse = readonly MixturePhase[];

/** A mixture from one step of a task on. */
export interface TaskMixture {
  readonly from: number;
  readonly shares: Mixture;
}

/**
 * The mixtures of one task, by the step each begins at; the first begins at 0.
 * @throws {MixtureError} for a phase that would have no step in this task.
 */
export function mixturesOf(
  course: MixtureCourse,
  { task, steps }: { readonly task: number; readonly steps: number },
): readonly TaskMixture[] {
  const block = Math.max(...course.flatMap((phase) => (phase.task <= task ? [phase.task] : [])));
  const own = course.filter((phase) => phase.task === block).map(({ from, shares }) => ({ from: extentSteps(from, steps), shares }));
  own.forEach(({ from }, i) => {
    const end = own[i + 1]?.from ?? steps;
    if (from >= end)
      throw new MixtureError(
        `task ${task + 1} has ${steps} steps: the phase that begins at step ${from} ends before step ${end}`,
        "leave the phase out, begin it elsewhere, or give the task more steps",
      );
  });
  return own;
}

/** @throws {MixtureError} for a phase of tasks that the stream does not have. */
export function checkCourse(course: MixtureCourse, tasks: number): void {
  const late = course.find(({ task }) => task >= tasks);
  if (late)
    throw new MixtureError(
      `a phase holds from task ${late.task + 1} on, the stream has ${tasks}`,
      "leave the phase out, or begin it earlier",
    );
}

/** The largest share that each source ever has; a source with 0 here is never opened. */
export function largestShares(course: MixtureCourse): Mixture {
  const largest = { pretraining: 0, update: 0, buffer: 0 };
  for (const { shares } of course) for (const source of joinOrder) largest[source] = Math.max(largest[source], shares[source]);
  return largest;
}

/** The course in words: `update 100 %; from 75 % of a task update 50 %, buffer 50 %`. */
export function courseText(course: MixtureCourse): string {
  return course
    .map(({ task, from, shares }, i) => {
      const begins = [
        ...(i > 0 && task !== course[i - 1]?.task ? [`from task ${task + 1} on`] : []),
        ...(from > 0 ? [from < 1 ? `from ${percent(from)} of a task` : `from step ${from} of a task`] : []),
      ];
      const mixed = joinOrder.flatMap((source) => (shares[source] > 0 ? [`${source} ${percent(shares[source])}`] : []));
      return [...begins, mixed.join(", ")].join(" ");
    })
    .join("; ");
}

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;
