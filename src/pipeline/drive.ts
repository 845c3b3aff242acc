import { performance } from "node:perf_hooks";
import type { Loader } from "../data/loader.ts";
import { preload, preloadedFiles } from "../data/preload.ts";
import { freeMemory } from "../engine/memory.ts";
import { borrow, release } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";
import type { LoadedModel } from "../models/load.ts";
import { modelMetadata } from "../models/model-folder.ts";
import type { RunEvent } from "../runs/event.ts";
import type { RunLock } from "../runs/lock.ts";
import type { RunWriter } from "../runs/run-writer.ts";
import { parseWarmup } from "../runs/spec-values.ts";
import { type StartingPoint, type Training, train } from "../training/loop.ts";
import { EvergreenError, exitCodes } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { batchOptions, clipTokenizer, openLoader, runFacts, scheduleOf, stepOptions, taskWork } from "./assemble.ts";
import { evaluateAll, setsOfRun } from "./evaluate.ts";
import { expertLibrary } from "./expert-library.ts";
import { heldOutScorer } from "./held-out.ts";
import { seenRows, withMethodRows } from "./method-rows.ts";
import type { Resolved } from "./resolve.ts";
import type { RunContext, RunOutcome } from "./run-context.ts";
import { sharedEvaluations } from "./shared-evaluations.ts";
import { sharedTasks } from "./shared-tasks.ts";
import { subsetSource } from "./subset-source.ts";
import { clockOf } from "./training-clock.ts";

/** A model with where its training begins or goes on. */
export interface Start {
  readonly loaded: LoadedModel;
  readonly from: StartingPoint;
}

interface Opened {
  readonly lock: RunLock;
  readonly writer: RunWriter;
  load(): Promise<Start>;
  /** Told before those of the training. */
  readonly first: readonly RunEvent[];
}

/** Readers that follow a run see it this often at least. */
const heartbeatMs = 5_000;

/** Trains, stores every event before it is told, and writes how it ended. */
export async function drive(resolved: Resolved, opened: Opened, context: RunContext): Promise<RunOutcome> {
  const { writer } = opened;
  context.onPlan?.(resolved.plan);
  const tell = teller(opened, context);
  let start: Start | undefined;
  const loaders: Loader[] = [];
  const origin = new Origin(resolved);
  try {
    for (const event of [...opened.first, ...leftOutOf(resolved)]) tell(event);
    start = await opened.load();
    await preloadData(resolved, { lock: opened.lock, tell }, context);
    const { spec } = resolved.plan;
    const most = Math.max(spec.data.batchSize + resolved.methods.mostRows(spec.data.batchSize), spec.eval.batchSize ?? 0);
    // An evaluation in the midst of a task must not take the training's batches from it.
    for (const _ of spec.eval.during.inside ? ["training", "evaluation"] : ["both"])
      loaders.push(await openLoader(spec, start.loaded.preprocess, most));
    const clock = clockOf(writer.folder, resolved.plan);
    const untilOver = { ...context, stopRequested: () => clock.isOver || context.stopRequested() };
    const training = await assembleTraining(resolved, { writer, loaded: start.loaded, loaders, origin }, untilOver);
    let last: RunEvent | undefined;
    for await (const event of train(training, start.from)) {
      // The writer has stored `saved` already, with the checkpoint.
      if (event.type === "saved") context.onEvent(event);
      else tell(event);
      if (event.type === "step") clock.take(event);
      if (event.type === "saved" && event.kind === "task_end") clock.assertNotOver();
      last = event;
    }
    const stopped = last?.type === "stopped";
    if (stopped) clock.assertNotOver();
    writer.end({ state: stopped ? "preempted" : "done", exit: stopped ? exitCodes.stopped : exitCodes.done });
    return stopped ? exitCodes.stopped : exitCodes.done;
  } catch (error) {
    recordFailure(writer, error, context);
    throw error;
  } finally {
    for (const loader of loaders) await loader.close();
    if (start) release(start.loaded.model);
    await origin.close();
  }
}

/** Told at each start: a score without these sets is not the one with them. */
function leftOutOf({ data: { leftOut = [] } }: Resolved): readonly RunEvent[] {
  if (leftOut.length === 0) return [];
  const message = `no training samples to hold back for validation: ${leftOut.join(", ")} ${leftOut.length === 1 ? "is" : "are"} left out of ZS`;
  return [{ type: "warning", code: "EG-3133", message }];
}

/** Files are read before training where the run asks for it. */
async function preloadData(
  { plan, data, stream }: Resolved,
  { lock, tell }: Pick<Opened, "lock"> & { readonly tell: (event: RunEvent) => void },
  context: RunContext,
): Promise<void> {
  const mode = plan.spec.data.preload;
  if (mode === "none") return;
  const trained = new Set(stream.tasks.flatMap(({ concepts }) => concepts.flatMap(({ samples }) => samples)));
  const { skipped } = await preload(preloadedFiles(mode, { ...data, trained }), {
    free: freeMemory(),
    progress: (done, total) => {
      lock.heartbeat();
      context.onPreload?.(done, total);
    },
    stopRequested: context.stopRequested,
  });
  if (skipped === undefined) return;
  tell({ type: "warning", code: "EG-4105", message: `data.preload: ${skipped}; nothing was read ahead` });
}

function teller({ writer, lock }: Opened, context: RunContext): (event: RunEvent) => void {
  let beaten = performance.now();
  return (event) => {
    writer.append(event);
    if (event.type !== "step" || performance.now() - beaten > heartbeatMs) {
      writer.flush();
      lock.heartbeat();
      beaten = performance.now();
    }
    context.onEvent(event);
  };
}

function recordFailure(writer: RunWriter, error: unknown, context: RunContext): void {
  const known = error instanceof EvergreenError ? error : undefined;
  const exit = known ? exitCodes[known.exit] : exitCodes.internal;
  const at = error as { readonly task?: number; readonly step?: number; readonly samples?: readonly string[] };
  const event: RunEvent = {
    type: "failed",
    code: known?.code ?? "EG-1001",
    message: error instanceof Error ? error.message : String(error),
    exit,
    ...(known && at.task !== undefined ? { task: at.task } : {}),
    ...(known && at.step !== undefined ? { step: at.step } : {}),
    ...(known && at.samples ? { samples: at.samples } : {}),
  };
  try {
    writer.append(event);
    writer.end({ state: "failed", exit, code: event.code, message: event.message });
    context.onEvent(event);
  } catch {
    // A disk that takes not even this: the error that ended the run is thrown, its lock is released, and run.json still says that it ran.
  }
}

async function assembleTraining(
  resolved: Resolved,
  {
    writer,
    loaded,
    loaders,
    origin,
  }: { readonly writer: RunWriter; readonly loaded: LoadedModel; readonly loaders: readonly Loader[]; readonly origin: Origin },
  context: RunContext,
): Promise<Training> {
  const { plan, data, stream } = resolved;
  const { spec } = plan;
  const tokenizer = clipTokenizer();
  const streamed = new Set(stream.tasks.flatMap(({ concepts }) => concepts.map(({ dataset }) => dataset)));
  const { every, subset, inside } = spec.eval.during;
  const [loader, images] = [loaders[0] as Loader, loaders.at(-1) as Loader];
  const random = createRandom(spec.seed);
  const sets = await setsOfRun(data.evaluated, streamed, spec.eval.evaluator);
  const fraction = subset === undefined ? undefined : parseWarmup(subset);
  const parts = fraction === undefined ? sets : sets.map((set) => ({ ...set, source: subsetSource(set.source, random, fraction) }));
  const last = plan.tasks.length - 1;
  const isDue = (task: number): boolean =>
    task < 0 || task === last || (every !== "never" && (task + 1) % (every === "task" ? 1 : every) === 0);
  const { preprocess, model } = loaded;
  const tokens = model.tokenIds ? { tokenIds: model.tokenIds } : {};
  const evaluatedAtOnce = spec.eval.batchSize ?? spec.data.batchSize;
  const evaluation = {
    preprocess,
    images,
    tokenize: tokenizer,
    batchSize: evaluatedAtOnce,
    random,
    trainedAfter: (task: number) => new Set(stream.tasks.slice(0, task + 1).flatMap(({ concepts }) => concepts.map(({ id }) => id))),
    ...(resolved.tests ? { splits: resolved.tests } : {}),
    ...(context.objects
      ? { sharing: sharedEvaluations(context.objects, plan, { preprocess, batchSize: evaluatedAtOnce, ...tokens }) }
      : {}),
    saveItems: writer.saveItems.bind(writer),
    stopRequested: context.stopRequested,
    ...(context.onSet ? { onSet: context.onSet } : {}),
  };
  const step = await stepOptions(spec, resolved);
  const facts = runFacts({ spec, tasks: plan.tasks.length }, step);
  const tasks = taskWork(resolved);
  return {
    tasks: withMethodRows(tasks, resolved.methods, facts),
    seen: seenRows(tasks),
    loaded,
    step,
    methods: resolved.methods,
    facts,
    origin: () => origin.weights(),
    borrowed: () => origin.held,
    experts: expertLibrary(writer.folder, modelMetadata({ config: model.config, preprocess, ...tokens })),
    ...(resolved.model.given ? { given: resolved.model.given } : {}),
    batches: batchOptions(spec, loaded, tokenizer),
    schedule: await scheduleOf(spec),
    loader,
    ...(context.objects && !inside ? { sharing: sharedTasks(context.objects, plan, resolved.methods) } : {}),
    ...(inside ? { evaluatesAfter: (step: number) => inside.includes(step) } : {}),
    evaluate: async ({ compute, rivals = [], ...at }) => {
      if (at.state === "inside") {
        const saveItems: typeof evaluation.saveItems = (key, flags) => evaluation.saveItems({ ...key, state: `inside-${at.step}` }, flags);
        return evaluateAll({ compute, rivals }, at, { ...evaluation, saveItems, sets: parts }, streamed);
      }
      return isDue(at.task)
        ? evaluateAll({ compute, rivals }, at, { ...evaluation, sets: at.task < 0 || at.task === last ? sets : parts }, streamed)
        : [];
    },
    ...(resolved.scored ? { score: heldOutScorer(resolved.scored, evaluation) } : {}),
    sink: { save: (request) => writer.saveCheckpoint(request), draw: (row) => writer.draw(row) },
    ...(spec.checkpoint.everyMs === undefined ? {} : { saveEveryMs: spec.checkpoint.everyMs }),
    stopRequested: context.stopRequested,
  };
}

/** The weights that a run began with, read when a method first asks. */
class Origin {
  private readonly resolved: Resolved;
  private reading: Promise<LoadedModel> | undefined;
  /** What was read. */
  held: Weights | undefined;

  constructor(resolved: Resolved) {
    this.resolved = resolved;
  }

  async weights(): Promise<Weights> {
    this.reading ??= this.resolved.model.load();
    const { model } = await this.reading;
    this.held = borrow(model.weights);
    return model.weights;
  }

  /** What could not be read was told to who asked for it. */
  async close(): Promise<void> {
    const read = await this.reading?.catch(() => undefined);
    release(read?.model);
  }
}
