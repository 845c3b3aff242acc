import { performance } from "node:perf_hooks";
import type { Loader } from "../data/loader.ts";
import { release } from "../engine/scope.ts";
import type { LoadedModel } from "../models/load.ts";
import type { OptimizerState } from "../nn/optimizer.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import type { CheckpointRequest } from "../runs/checkpoint-write.ts";
import type { CheckpointKind, RunEvent } from "../runs/event.ts";
import type { LedgerRow } from "../runs/rows.ts";
import type { Schedule } from "../schedules/schedule.ts";
import { failpoint } from "../util/failpoint.ts";
import { assembleBatch, type BatchOptions, type TrainingRow } from "./batches.ts";
import { checkpointBytes, type Position, writeTensors } from "./checkpoint.ts";
import { ledgerOf } from "./ledger.ts";
import { assertFinite, NonFiniteLossError } from "./non-finite.ts";
import { createLearner, freshMoments, type Learner, learn, type StepOptions } from "./step.ts";

/** A task as the loop works on it. */
export interface TaskWork {
  readonly name?: string;
  readonly steps: number;
  /** Rows of one step of the task; pure. */
  rowsAt(step: number): readonly TrainingRow[];
}

/** What the loop hands state to; it yields `saved` only once the checkpoint is complete. */
export interface ArtifactSink {
  save(request: CheckpointRequest): Checkpoint;
  draw(row: LedgerRow): void;
}

/** A run with every name found. */
export interface Training {
  readonly tasks: readonly TaskWork[];
  readonly loaded: LoadedModel;
  readonly step: StepOptions;
  readonly batches: BatchOptions;
  readonly schedule: Schedule;
  readonly loader: Loader;
  /** Events of one evaluation, made whole before any is told; undefined when it was interrupted. */
  evaluate(at: { readonly task: number; readonly step: number; readonly learner: Learner }): Promise<readonly RunEvent[] | undefined>;
  readonly sink: ArtifactSink;
  /** Milliseconds between two checkpoints inside a task. */
  readonly saveEveryMs?: number;
  /** Asked between two steps. */
  stopRequested(): boolean;
}

/** Where a run begins or goes on; moments where a checkpoint was made inside a task. */
export interface StartingPoint {
  readonly position: Position;
  readonly moments?: OptimizerState;
}

export const beginning: StartingPoint = { position: { task: -1, step: 0, phase: "evaluate" } };

/**
 * Trains through the stream and tells what happens. At a task's end: its evaluation, then a checkpoint.
 * Interrupted and gone on with equals uninterrupted, bit for bit.
 * @throws {NonFiniteLossError} for a step whose loss or gradient is not finite; nothing has moved then.
 */
export async function* train(run: Training, from: StartingPoint = beginning): AsyncGenerator<RunEvent> {
  const course = new Course(run, from);
  try {
    yield* through(course, from.position);
  } finally {
    course.close();
  }
}

async function* through(course: Course, from: Position): AsyncGenerator<RunEvent> {
  const { run } = course;
  for (let task = from.task; task < run.tasks.length; task++) {
    const resumed = task === from.task ? from : { task, step: 0, phase: "train" as const };
    if (task >= 0 && resumed.phase === "train") {
      yield* steps(course, resumed);
      if (course.stopped) return;
    }
    yield* border(course, task);
    if (course.stopped) return;
  }
  failpoint("phase:finish");
  yield { type: "finished", step: course.stepsBefore(run.tasks.length) };
}

/** What changes while the loop runs. */
class Course {
  readonly run: Training;
  learner: Learner;
  /** Task whose moments the learner holds. */
  private momentsOf: number;
  private savedAt = performance.now();
  stopped = false;

  constructor(run: Training, from: StartingPoint) {
    this.run = run;
    this.learner = createLearner(run.loaded.model, run.step, from.moments);
    this.momentsOf = Math.max(0, from.position.task);
  }

  /** Moments start anew in each task. */
  enter(task: number): void {
    if (task === this.momentsOf) return;
    release(this.learner.moments);
    this.learner = { ...this.learner, moments: freshMoments(this.learner) };
    this.momentsOf = task;
  }

  stepsBefore(task: number): number {
    return this.run.tasks.slice(0, task).reduce((sum, { steps }) => sum + steps, 0);
  }

  stepOf({ task, step }: Position): number {
    return this.stepsBefore(Math.max(0, task)) + step;
  }

  isDue(): boolean {
    const { saveEveryMs } = this.run;
    return saveEveryMs !== undefined && performance.now() - this.savedAt >= saveEveryMs;
  }

  /** @throws {NonFiniteWeightsError} when nothing of this state should be kept. */
  assertFinite(position: Position): void {
    const { model, moments } = this.learner;
    assertFinite([model.weights, ...Object.values(moments)], { task: position.task, step: this.stepOf(position) });
  }

  save(position: Position, kind: CheckpointKind): RunEvent {
    const { run, learner } = this;
    const inside = position.phase === "train" && position.step > 0;
    const moments = inside ? learner.moments : {};
    this.assertFinite(position);
    failpoint("phase:save");
    const { name, task, step, bytes } = run.sink.save({
      task: Math.max(0, position.task),
      step: this.stepOf(position),
      kind,
      bytes: checkpointBytes(learner.model, moments),
      state: { ...position },
      write: (path) => writeTensors(path, { model: learner.model, preprocess: run.loaded.preprocess, moments }),
    });
    this.savedAt = performance.now();
    return { type: "saved", task, step, kind, checkpoint: name, bytes };
  }

  /** Frees all but the model. */
  close(): void {
    const { model, compute, moments } = this.learner;
    const own = new Set([...model.weights.values(), ...model.buffers.values()]);
    release([moments, [...compute.weights.values()].filter((each) => !own.has(each))]);
  }

  *stop(position: Position): Generator<RunEvent> {
    const saved = this.save(position, "stop");
    this.stopped = true;
    yield saved;
    if (saved.type === "saved") yield { type: "stopped", task: saved.task, step: saved.step, checkpoint: saved.checkpoint };
  }
}

async function* steps(course: Course, from: Position): AsyncGenerator<RunEvent> {
  const { run } = course;
  const { task } = from;
  const work = run.tasks[task] as TaskWork;
  const before = course.stepsBefore(task);
  course.enter(task);
  yield {
    type: "task-started",
    task,
    ...(work.name === undefined ? {} : { name: work.name }),
    step: before + from.step,
    steps: work.steps,
  };
  failpoint("phase:task-start");
  run.loader.start({
    firstStep: from.step,
    rowsAt: (step) => (step < work.steps ? work.rowsAt(step).map(({ request }) => request) : undefined),
  });
  for (let step = from.step; step < work.steps; step++) {
    yield oneStep(course, { task, step, before });
    failpoint("phase:step");
    // Lets messages in: a request to stop is one.
    await new Promise((resolve) => setImmediate(resolve));
    const position: Position = { task, step: step + 1, phase: step + 1 === work.steps ? "evaluate" : "train" };
    if (run.stopRequested()) {
      yield* course.stop(position);
      return;
    }
    if (position.phase === "train" && course.isDue()) yield course.save(position, "interval");
  }
  failpoint("phase:end-task");
  yield { type: "task-ended", task, step: before + work.steps };
}

function oneStep(course: Course, at: { readonly task: number; readonly step: number; readonly before: number }): RunEvent {
  const { run, learner } = course;
  const { task, step } = at;
  const began = performance.now();
  const loaded = run.loader.take(step);
  if (!loaded) throw new Error(`internal: the loader ended before step ${step} of task ${task}`);
  const rows = (run.tasks[task] as TaskWork).rowsAt(step);
  const multiplier = run.schedule({ task, step, steps: run.tasks.map((each) => each.steps) });
  const batch = assembleBatch(loaded, rows, run.batches);
  const result = learn(learner, batch, { multiplier, step });
  release(batch.pixels);
  if (!result.applied)
    throw new NonFiniteLossError({ task, step: at.before + step + 1, ...result, samples: loaded.rows.map(({ id }) => id) });
  return {
    type: "step",
    task,
    step: at.before + step + 1,
    samples: (at.before + step + 1) * rows.length,
    losses: { loss: result.loss },
    learningRate: multiplier * (learner.slots[0]?.learningRate ?? 0),
    logitScale: result.logitScale,
    gradientNorm: result.gradientNorm,
    timing: { batchMs: performance.now() - began, dataMs: loaded.waitMs },
  };
}

/** What lies between a task's last step and the next one's first: ledger, evaluation, checkpoint. */
async function* border(course: Course, task: number): AsyncGenerator<RunEvent> {
  const { run } = course;
  const work = run.tasks[task];
  course.assertFinite({ task, step: work?.steps ?? 0, phase: "evaluate" });
  failpoint("phase:evaluate");
  const events = await run.evaluate({ task, step: course.stepsBefore(task + 1), learner: course.learner });
  if (!events) {
    yield* course.stop({ task, step: work?.steps ?? 0, phase: "evaluate" });
    return;
  }
  if (work) for (const row of ledgerOf(task, course.stepsBefore(task + 1), work)) run.sink.draw(row);
  yield* events;
  if (task >= 0) yield course.save({ task: task + 1, step: 0, phase: "train" }, task === run.tasks.length - 1 ? "finish" : "task_end");
}
