import { performance } from "node:perf_hooks";
import type { MethodStates, Methods } from "../continual/compose.ts";
import type { ExpertLibrary, HeldOutScores, RowRole, RunFacts, SeenRows } from "../continual/method.ts";
import type { Loader } from "../data/loader.ts";
import { release } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";
import type { EmbeddedModel } from "../evaluation/embedder.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { ComputeWeights } from "../models/clip.ts";
import type { LoadedModel } from "../models/load.ts";
import type { OptimizerState } from "../nn/optimizer.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import type { CheckpointRequest } from "../runs/checkpoint-write.ts";
import type { RunEvent, StepEvent, WeightsState } from "../runs/event.ts";
import type { LedgerRow } from "../runs/rows.ts";
import type { Schedule } from "../schedules/schedule.ts";
import { failpoint } from "../util/failpoint.ts";
import { assembleBatch, type BatchOptions, rowInfo, type TrainingRow } from "./batches.ts";
import { border } from "./border.ts";
import type { ExpertIndex, Position } from "./checkpoint.ts";
import { Course } from "./course.ts";
import { NonFiniteLossError } from "./non-finite.ts";
import { digestOf, refusedWarning, type TaskSharing, unsharedWarning } from "./sharing.ts";
import { learn, type StepOptions } from "./step.ts";

/** A task as the loop works on it. */
export interface TaskWork {
  readonly name?: string;
  readonly steps: number;
  /** Rows of one step of the task; pure. */
  rowsAt(step: number): readonly TrainingRow[];
  /** Why each of them is there, without drawing them; from the rows themselves when absent. */
  rolesAt?(step: number): readonly RowRole[];
  /** At most so many of the task's own samples in a drawn order, with the evaluation's transform; pure. */
  sampleRows(most: number): readonly TrainingRow[];
}

/** What the loop hands state to; it yields `saved` only once the checkpoint is complete. */
interface ArtifactSink {
  save(request: CheckpointRequest): Checkpoint;
  draw(row: LedgerRow): void;
}

/** A library whose index is a part of the run's state. */
export interface ExpertStore extends ExpertLibrary {
  /** What has been put, for a checkpoint. */
  index(): ExpertIndex;
  /** Goes back to what a checkpoint knew. */
  restore(index: ExpertIndex): void;
}

/** Which weights are evaluated, and where the run stands. */
interface EvaluationPlace {
  readonly task: number;
  readonly step: number;
  readonly state: WeightsState;
  readonly compute: ComputeWeights;
  /** The other models of an ensemble; none when absent. See {@link EmbedderOptions.rivals}. */
  readonly rivals?: readonly EmbeddedModel[];
}

/** A run with every name found. */
export interface Training {
  readonly tasks: readonly TaskWork[];
  readonly loaded: LoadedModel;
  readonly step: StepOptions;
  readonly batches: BatchOptions;
  readonly schedule: Schedule;
  readonly loader: Loader;
  readonly methods: Methods;
  readonly facts: RunFacts;
  /** The mixture's rows of any step. */
  readonly seen: SeenRows;
  /** Architecture of the model before methods added to it, where they do: what is evaluated before the first task. */
  readonly given?: ClipConfig;
  /** The weights that the run began with; they live until the run ends. */
  origin(): Promise<Weights>;
  /** Tensors that the run was lent and that are not its own to free. */
  borrowed(): unknown;
  readonly experts: ExpertStore;
  /** Whether the weights are evaluated after so many steps of each task, in its midst. Training is the same with and without. */
  evaluatesAfter?(step: number): boolean;
  /** Events of one evaluation, made whole before any is told; undefined when it was interrupted. */
  evaluate(at: EvaluationPlace): Promise<readonly RunEvent[] | undefined>;
  /** Scores weights on what was held back for a task; absent where no method asks. */
  score?(compute: ComputeWeights, task: number): Promise<HeldOutScores>;
  readonly sink: ArtifactSink;
  /** Whole tasks that runs of the same settings learn once; absent where they share nothing. */
  readonly sharing?: TaskSharing;
  /** Milliseconds between two checkpoints inside a task. */
  readonly saveEveryMs?: number;
  /** Asked between two steps. */
  stopRequested(): boolean;
}

/** Where a run begins or goes on, with what else a checkpoint holds; its tensors are handed over. */
export interface StartingPoint {
  readonly position: Position;
  readonly moments?: OptimizerState;
  /** Absent where none is kept. */
  readonly experts?: ExpertIndex;
  /** What the methods remember; absent before they began. */
  readonly states?: MethodStates;
  /** Weights to go on with, where the checkpoint's model is not they. */
  readonly start?: Weights;
  readonly adapters?: Weights;
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

async function* steps(course: Course, from: Position): AsyncGenerator<RunEvent> {
  const { run } = course;
  const { task } = from;
  const work = run.tasks[task] as TaskWork;
  const before = course.stepsBefore(task);
  if (from.step === 0) await course.enter(task);
  yield* course.takeWarnings();
  yield {
    type: "task-started",
    task,
    ...(work.name === undefined ? {} : { name: work.name }),
    step: before + from.step,
    steps: work.steps,
  };
  failpoint("phase:task-start");
  if (from.unevaluated) {
    yield* inside(course, from);
    if (course.stopped) return;
  }
  if (run.sharing && from.step === 0) yield* sharedSteps(course, task, run.sharing);
  else yield* ownSteps(course, from);
  if (course.stopped) return;
  failpoint("phase:end-task");
  yield { type: "task-ended", task, step: before + work.steps };
}

async function* ownSteps(course: Course, { task, step: first }: Position): AsyncGenerator<RunEvent> {
  const { run } = course;
  const work = run.tasks[task] as TaskWork;
  const before = course.stepsBefore(task);
  run.loader.start({
    firstStep: first,
    rowsAt: (step) => (step < work.steps ? work.rowsAt(step).map(({ request }) => request) : undefined),
  });
  for (let step = first; step < work.steps; step++) {
    yield oneStep(course, { task, step, before });
    failpoint("phase:step");
    // Lets messages in: a request to stop is one.
    await new Promise((resolve) => setImmediate(resolve));
    yield* between(course, task, step + 1);
    if (course.stopped) return;
  }
}

/** A whole task's steps: those of a run that has been here before, or this run's own, kept for others. */
async function* sharedSteps(course: Course, task: number, sharing: TaskSharing): AsyncGenerator<RunEvent> {
  const { object, found, refused } = await sharing.take(task, digestOf(course.learned()));
  if (found) {
    yield { type: "shared", what: "task", task, role: "taken", object };
    yield* found.steps;
    course.take(found.state);
    return;
  }
  if (refused !== undefined) yield refusedWarning("task", refused);
  const steps: StepEvent[] = [];
  for await (const event of ownSteps(course, { task, step: 0, phase: "train" })) {
    if (event.type === "step") steps.push(event);
    yield event;
  }
  if (course.stopped) return;
  course.assertFinite({ task, step: steps.length, phase: "evaluate" });
  const failed = sharing.keep(object, { state: course.learned(), steps });
  yield failed === undefined ? { type: "shared", what: "task", task, role: "kept", object } : unsharedWarning("task", failed);
}

/** What lies between two steps of a task: a stop that was asked for, an evaluation on the way, a checkpoint that is due. */
async function* between(course: Course, task: number, step: number): AsyncGenerator<RunEvent> {
  const { run } = course;
  const isLast = step === run.tasks[task]?.steps;
  const position: Position = { task, step, phase: isLast ? "evaluate" : "train" };
  const isEvaluated = !isLast && run.evaluatesAfter?.(step) === true;
  if (run.stopRequested()) {
    yield* course.stop(isEvaluated ? { ...position, unevaluated: true } : position);
    return;
  }
  if (isEvaluated) {
    yield* inside(course, position);
    if (course.stopped) return;
  }
  if (!isLast && course.isDue()) yield course.save(position, "interval");
}

/** An evaluation in the midst of a task. */
async function* inside(course: Course, position: Position): AsyncGenerator<RunEvent> {
  const { task } = position;
  const place = { task, step: course.stepOf(position), state: "inside", compute: course.learner.compute } as const;
  const events = await course.run.evaluate(place);
  if (events) yield* events;
  else yield* course.stop({ ...position, unevaluated: true });
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
  const result = learn(learner, batch, { multiplier, step, at: { task, step }, rows: rows.map(rowInfo), states: course.states ?? [] });
  release(batch.pixels);
  course.become(result.states);
  if (!result.applied)
    throw new NonFiniteLossError({ task, step: at.before + step + 1, ...result, samples: loaded.rows.map(({ id }) => id) });
  return {
    type: "step",
    task,
    step: at.before + step + 1,
    samples: (at.before + step + 1) * run.facts.batchSize,
    losses: { loss: result.loss, ...result.terms },
    learningRate: multiplier * (learner.slots[0]?.learningRate ?? 0),
    logitScale: result.logitScale,
    gradientNorm: result.gradientNorm,
    timing: { batchMs: performance.now() - began, dataMs: loaded.waitMs },
  };
}
