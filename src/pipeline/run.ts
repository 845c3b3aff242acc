import { performance } from "node:perf_hooks";
import type { Loader } from "../data/loader.ts";
import { type KernelTable, useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit, limitMemory } from "../engine/memory.ts";
import type { LoadedModel } from "../models/load.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import { environmentOf } from "../runs/environment.ts";
import type { RunEvent } from "../runs/event.ts";
import { acquireLock, type RunLock } from "../runs/lock.ts";
import { planDifferences, type RunPlan } from "../runs/plan.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { RunWriter } from "../runs/run-writer.ts";
import { type ParsedSpec, pathHints, type RunSpec, renderConfig } from "../runs/spec.ts";
import type { RunStore } from "../runs/store.ts";
import { type Position, readModel, readMoments } from "../training/checkpoint.ts";
import { beginning, type StartingPoint, train } from "../training/loop.ts";
import { EvergreenError, exitCodes } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { parseBytes } from "../util/units.ts";
import { batchOptions, clipTokenizer, openLoader, scheduleOf, stepOptions, taskWork } from "./assemble.ts";
import { evaluateAll, evaluatedSets } from "./evaluate.ts";
import { kernelsFor } from "./kernel-choice.ts";
import { presetFolder } from "./preset-folder.ts";
import { type Resolved, resolveRun } from "./resolve.ts";

/** What the process around a run gives it. */
export interface RunContext {
  readonly store: RunStore;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly git?: string;
  /** Asked between steps and between evaluated sets. */
  stopRequested(): boolean;
  /** Every event, after it was stored. */
  onEvent(event: RunEvent): void;
  /** Told before each evaluated set. */
  onSet?(set: string, index: number, of: number): void;
  /** The plan, before the first event. */
  onPlan?(plan: Pick<RunPlan, "tasks">): void;
  /** The run folder, as soon as it is known. */
  onFolder?(folder: string): void;
}

/** How a run's process should end: 0, or 75 when it was stopped on request. */
export type RunOutcome = typeof exitCodes.done | typeof exitCodes.stopped;

/** Starts a run from its configuration. */
export async function startRun(parsed: ParsedSpec, folder: string, context: RunContext, id?: string): Promise<RunOutcome> {
  const { spec } = parsed;
  limitMemory(memoryLimitOf(spec));
  useKernels(kernelsFor(context.env));
  const resolved = await resolveRun(spec, folder);
  const runId = id ?? context.store.newId(spec.name);
  const lock = acquireLock(context.store.folderOf(spec.project, runId));
  try {
    const { plan } = resolved;
    const runFolder = lock.folder;
    const writer = context.store.create({
      lock,
      id: runId,
      name: spec.name,
      project: spec.project,
      plan,
      config: renderConfig(parsed, runFolder, context.env),
      inputs: parsed.inputs,
      environment: environmentOf(context.env, { engine: plan.engine.libtorch, model: plan.model.digest }),
      retention: retentionOf(plan),
      versions: context.versions,
      paths: pathHints(parsed, context.env),
      ...(context.git ? { git: context.git } : {}),
    });
    context.onFolder?.(runFolder);
    const loaded = await resolved.model.load();
    return await drive(resolved, { lock, writer, loaded, from: beginning, first: [{ type: "started", plan: plan.hash }] }, context);
  } finally {
    lock.release();
  }
}

/** Differences a resume may be told to live with. */
export type Allowed = ReadonlySet<"config" | "data" | "model" | "tasks" | "code" | "engine">;

/** Goes on with a run from its newest good checkpoint. A finished one is finished. */
export async function resumeRun(reader: RunReader, context: RunContext, allowed: Allowed): Promise<RunOutcome> {
  const lock = acquireLock(reader.folder);
  try {
    return await resumeLocked(reader, lock, context, allowed);
  } finally {
    lock.release();
  }
}

async function resumeLocked(reader: RunReader, lock: RunLock, context: RunContext, allowed: Allowed): Promise<RunOutcome> {
  const { folder } = reader;
  context.onFolder?.(folder);
  if (reader.record().state === "done") return exitCodes.done;
  const parsed = readRunSpec(folder, { env: context.env, presets: presetFolder });
  limitMemory(memoryLimitOf(parsed.spec));
  const stored = reader.plan();
  useKernels(stored.engine.kernels as KernelTable);
  const resolved = await resolveRun({ ...parsed.spec, engine: { ...parsed.spec.engine, threads: stored.engine.threads } }, folder);
  const differences = planDifferences({ ...stored, spec: resolved.plan.spec }, resolved.plan);
  const refused = differences.filter(({ aspect }) => !allowed.has(aspect));
  if (refused.length > 0) throw new ResumeRefusedError(refused);
  const { writer, checkpoint } = context.store.resume(folder, { lock, retention: retentionOf(resolved.plan) });
  const loaded = checkpoint ? await readModel(checkpoint.folder) : await resolved.model.load();
  const from = checkpoint ? await startingPoint(checkpoint) : beginning;
  const names = [...new Set(differences.map(({ aspect }) => aspect))];
  const first: RunEvent[] = checkpoint
    ? [{ type: "resumed", from: checkpoint.name, task: checkpoint.task, step: checkpoint.step, exact: names.length === 0, allowed: names }]
    : [{ type: "started", plan: stored.hash }];
  return drive(resolved, { lock, writer, loaded, from, first }, context);
}

/** A resume that would not go on with the same run. */
export class ResumeRefusedError extends EvergreenError {
  constructor(
    differences: readonly { readonly aspect: string; readonly path: string; readonly before: unknown; readonly after: unknown }[],
  ) {
    const shown = differences
      .slice(0, 5)
      .map(({ aspect, path, before, after }) => `${aspect} ${path}: was ${JSON.stringify(before)}, is ${JSON.stringify(after)}`);
    const aspects = [...new Set(differences.map(({ aspect }) => aspect))];
    super(`resume would not be exact: ${shown.join("; ")}${differences.length > 5 ? `; and ${differences.length - 5} more` : ""}`, {
      code: "EG-3140",
      exit: "config",
      fix: `put it back, or go on with ${aspects.map((aspect) => `--allow ${aspect}`).join(" ")}, recorded as not bit-exact`,
    });
  }
}

async function startingPoint(checkpoint: Checkpoint): Promise<StartingPoint> {
  const position = checkpoint.state as unknown as Position;
  const inside = position.phase === "train" && position.step > 0;
  return { position, ...(inside ? { moments: await readMoments(checkpoint.folder) } : {}) };
}

interface Started {
  readonly lock: RunLock;
  readonly writer: RunWriter;
  readonly loaded: LoadedModel;
  readonly from: StartingPoint;
  readonly first: readonly RunEvent[];
}

/** Readers that follow a run see it this often at least. */
const heartbeatMs = 5_000;

/** Trains, stores every event before it is told, and writes how it ended. */
async function drive(resolved: Resolved, started: Started, context: RunContext): Promise<RunOutcome> {
  const { writer, lock } = started;
  context.onPlan?.(resolved.plan);
  const { spec } = resolved.plan;
  let beaten = performance.now();
  const tell = (event: RunEvent): void => {
    writer.append(event);
    if (event.type !== "step" || performance.now() - beaten > heartbeatMs) {
      writer.flush();
      lock.heartbeat();
      beaten = performance.now();
    }
    context.onEvent(event);
  };
  let loader: Loader | undefined;
  try {
    loader = await openLoader(spec, started.loaded.preprocess, Math.max(spec.data.batchSize, spec.eval.batchSize ?? 0));
    for (const event of started.first) tell(event);
    let last: RunEvent | undefined;
    for await (const event of train(await assembleTraining(resolved, { ...started, loader }, context), started.from)) {
      // The writer has stored `saved` already, with the checkpoint.
      if (event.type === "saved") context.onEvent(event);
      else tell(event);
      last = event;
    }
    const stopped = last?.type === "stopped";
    writer.end({ state: stopped ? "preempted" : "done", exit: stopped ? exitCodes.stopped : exitCodes.done });
    return stopped ? exitCodes.stopped : exitCodes.done;
  } catch (error) {
    fail(writer, error, context);
    throw error;
  } finally {
    await loader?.close();
  }
}

function fail(writer: RunWriter, error: unknown, context: RunContext): void {
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
  } catch (second) {
    writer.close();
    if (!known) throw error;
    throw second instanceof EvergreenError ? error : second;
  }
}

async function assembleTraining(
  resolved: Resolved,
  { writer, loaded, loader }: Started & { readonly loader: Loader },
  context: RunContext,
): Promise<Parameters<typeof train>[0]> {
  const { plan, data, stream } = resolved;
  const { spec } = plan;
  const tokenizer = clipTokenizer();
  const streamed = new Set(stream.tasks.flatMap(({ concepts }) => concepts.map(({ dataset }) => dataset)));
  const sets = await evaluatedSets(data.evaluated, streamed);
  const { every } = spec.eval.during;
  const last = plan.tasks.length - 1;
  const isDue = (task: number): boolean =>
    task < 0 || task === last || (every !== "never" && (task + 1) % (every === "task" ? 1 : every) === 0);
  const evaluation = {
    sets,
    preprocess: loaded.preprocess,
    images: loader,
    tokenize: tokenizer,
    batchSize: spec.eval.batchSize ?? spec.data.batchSize,
    random: createRandom(spec.seed),
    saveItems: writer.saveItems.bind(writer),
    stopRequested: context.stopRequested,
    ...(context.onSet ? { onSet: context.onSet } : {}),
  };
  return {
    tasks: taskWork(resolved),
    loaded,
    step: await stepOptions(spec, resolved),
    batches: batchOptions(spec, loaded, tokenizer),
    schedule: await scheduleOf(spec),
    loader,
    evaluate: async ({ task, step, learner }) =>
      isDue(task) ? evaluateAll(learner.compute, { task, step, state: "live" }, evaluation, streamed) : [],
    sink: { save: (request) => writer.saveCheckpoint(request), draw: (row) => writer.draw(row) },
    ...(spec.checkpoint.everyMs === undefined ? {} : { saveEveryMs: spec.checkpoint.everyMs }),
    stopRequested: context.stopRequested,
  };
}

const memoryLimitOf = ({ engine }: RunSpec): number =>
  (engine.memoryLimit === undefined ? undefined : parseBytes(engine.memoryLimit)) ?? defaultMemoryLimit();

const retentionOf = ({ spec }: RunPlan): { readonly keepLast: number; readonly keepTaskEnds: boolean } => ({
  keepLast: spec.checkpoint.keepLast,
  keepTaskEnds: false,
});
