import type { Progress } from "./schedule.ts";
import { stepsOfTask } from "./schedule.ts";
import { type Extent, extentSteps } from "./warmup.ts";

/** How the steps of one task are divided. Where phases overlap, warm-up goes before cool-down and cool-down before decay. */
export interface Phases {
  /** S */
  readonly steps: number;
  /** W; may exceed S, then the task is all warm-up. */
  readonly warmup: number;
  /** First step of the cool-down, S − C. */
  readonly cooldownFrom: number;
  /** C */
  readonly cooldown: number;
  /** We: W where it stands under a root, from 1 to S. */
  readonly rootWarmup: number;
  /** Dn: steps of the decaying part, max(0, S − C − We). */
  readonly decaying: number;
}

/** The extents of a schedule's phases. */
export interface PhaseExtents {
  readonly warmup: Extent;
  readonly cooldown?: Extent;
}

/** The phases of a task of S steps. */
export function phasesOf(steps: number, extents: PhaseExtents): Phases {
  const warmup = extentSteps(extents.warmup, steps);
  const cooldown = extentSteps(extents.cooldown ?? 0, steps);
  const rootWarmup = Math.max(1, Math.min(warmup, steps));
  return { steps, warmup, cooldown, cooldownFrom: steps - cooldown, rootWarmup, decaying: Math.max(0, steps - cooldown - rootWarmup) };
}

/** The phases of the task asked for, and of those before it. */
export function phasesUpTo(at: Progress, extents: PhaseExtents): { readonly own: Phases; readonly earlier: readonly Phases[] } {
  return { own: phasesOf(stepsOfTask(at), extents), earlier: at.steps.slice(0, at.task).map((steps) => phasesOf(steps, extents)) };
}

/** Sum of one number over tasks. */
export function totalOf(tasks: readonly Phases[], count: (phases: Phases) => number): number {
  return tasks.reduce((sum, phases) => sum + count(phases), 0);
}
