import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { memory, resetPeak } from "../engine/memory.ts";
import { release } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";
import { assembleBatch, rowInfo } from "../training/batches.ts";
import { Course } from "../training/course.ts";
import { beginning, type TaskWork, type Training } from "../training/loop.ts";
import { learn } from "../training/step.ts";
import { studentT95 } from "../util/student.ts";
import { batchOptions, clipTokenizer, openLoader, runFacts, stepOptions, taskWork } from "./assemble.ts";
import { expertLibrary } from "./expert-library.ts";
import { seenRows, withMethodRows } from "./method-rows.ts";
import type { Resolved } from "./resolve.ts";

/** What real steps took. */
export interface Calibration {
  readonly steps: number;
  readonly stepMs: number;
  /** Half the width of the 95 % interval of `stepMs`, as a share of it. */
  readonly error: number;
  readonly peakBytes: number;
}

/** In front of the measured steps: the first of each shape prepares its products, and while steps are short the code around them is still being compiled and images are still behind. */
const warmUp = { steps: 3, ms: 1500 } as const;
const blocks = 4;

/** Runs the first steps of a run, on its own images and weights, and keeps nothing of them. */
export async function calibrate(resolved: Resolved, steps = 20): Promise<Calibration> {
  const { spec } = resolved.plan;
  const loaded = await resolved.model.load();
  const { methods } = resolved;
  const { batchSize } = spec.data;
  const loader = await openLoader(spec, loaded.preprocess, batchSize + methods.mostRows(batchSize));
  const folder = mkdtempSync(join(tmpdir(), "evergreen-calibrate-"));
  let course: Course | undefined;
  try {
    const step = await stepOptions(spec, resolved);
    const facts = runFacts({ spec, tasks: resolved.plan.tasks.length }, step);
    // What a task's end takes is not part of a step: it looks at one batch.
    const works = taskWork(resolved).map((work) => ({ ...work, sampleRows: (most: number) => work.sampleRows(Math.min(most, batchSize)) }));
    const tasks = withMethodRows(works, methods, facts);
    const options = batchOptions(spec, loaded, clipTokenizer());
    const training = { tasks, loaded, step, methods, facts, loader, batches: options, seen: seenRows(works) };
    course = new Course({ ...training, ...inert(loaded.model.weights, folder) }, beginning);
    const task = await steadyTask(course);
    const { rowsAt } = tasks[task] as TaskWork;
    const { learner } = course;
    loader.start({ firstStep: 0, rowsAt: (step) => rowsAt(step).map(({ request }) => request) });
    resetPeak();
    const times: number[] = [];
    const started = performance.now();
    let isWarm = false;
    for (let step = 0; times.length < steps; step++) {
      const began = performance.now();
      const images = loader.take(step);
      if (!images) throw new Error(`internal: the loader ended before step ${step}`);
      const rows = rowsAt(step);
      const batch = assembleBatch(images, rows, options);
      course.become(
        learn(learner, batch, { multiplier: 1, step, at: { task, step }, rows: rows.map(rowInfo), states: course.states ?? [] }).states,
      );
      release(batch.pixels);
      if (isWarm) times.push(performance.now() - began);
      isWarm ||= step + 1 >= warmUp.steps && performance.now() - started >= warmUp.ms;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { steps, ...meanOfBlocks(times), peakBytes: memory().peak };
  } finally {
    await loader.close();
    course?.close();
    release(loaded.model);
    rmSync(folder, { recursive: true });
  }
}

/** The second task, where methods remember the first; the first where there is no other. */
async function steadyTask(course: Course): Promise<number> {
  const { methods, tasks } = course.run;
  await course.enter(0);
  if (tasks.length === 1) return 0;
  course.become(await methods.endTask(course.context(0), course.states ?? []));
  course.become(await methods.shipped(course.run.loaded.model.weights, course.context(0), course.states ?? []));
  await course.enter(1);
  return 1;
}

/** What a run has and a calibration does not ask for. */
function inert(
  weights: Weights,
  folder: string,
): Pick<Training, "origin" | "borrowed" | "experts" | "schedule" | "evaluate" | "sink" | "stopRequested"> {
  const never = (): never => {
    throw new Error("internal: a calibration neither evaluates nor saves");
  };
  return {
    origin: async () => weights,
    borrowed: () => weights,
    experts: expertLibrary(folder),
    schedule: () => 1,
    evaluate: never,
    sink: { save: never, draw: never },
    stopRequested: () => false,
  };
}

/** Mean and error by batch means: steps that follow each other are alike, blocks of them are less so. */
export function meanOfBlocks(times: readonly number[]): Pick<Calibration, "stepMs" | "error"> {
  const size = Math.floor(times.length / blocks);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = Array.from({ length: blocks }, (_, i) => mean(times.slice(i * size, (i + 1) * size)));
  const stepMs = mean(times);
  const variance = means.reduce((sum, each) => sum + (each - mean(means)) ** 2, 0) / (blocks - 1);
  return { stepMs, error: (studentT95(blocks - 1) * Math.sqrt(variance / blocks)) / stepMs };
}
