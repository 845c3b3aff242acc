import { type KernelTable, useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit, limitMemory } from "../engine/memory.ts";
import { type Checkpoint, newestCheckpoint } from "../runs/checkpoint.ts";
import { environmentOf } from "../runs/environment.ts";
import type { RunEvent } from "../runs/event.ts";
import { acquireLock, type RunLock } from "../runs/lock.ts";
import type { PlanAspect, RunPlan } from "../runs/plan.ts";
import { RunReader } from "../runs/run-reader.ts";
import { holdsRun } from "../runs/run-record.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import { type ParsedSpec, pathHints, type RunSpec, renderConfig } from "../runs/spec.ts";
import { readState, type StoredState } from "../training/checkpoint.ts";
import { beginning } from "../training/loop.ts";
import { exitCodes } from "../util/errors.ts";
import { parseBytes } from "../util/units.ts";
import { checkParts } from "./check-parts.ts";
import { drive, type Start } from "./drive.ts";
import { kernelsFor } from "./kernel-choice.ts";
import { presetFolder } from "./preset-folder.ts";
import { type Resolved, resolveRun } from "./resolve.ts";
import { type Allowed, differingAspects } from "./resume-check.ts";
import type { RunContext, RunOutcome } from "./run-context.ts";
import { clockOf } from "./training-clock.ts";
import { assertWithinPlan } from "./within-plan.ts";

/** Starts a run from its configuration. Given the id of an unfinished run of the same plan, it goes on with that one. */
export async function startRun(parsed: ParsedSpec, folder: string, context: RunContext, id?: string): Promise<RunOutcome> {
  const { spec } = parsed;
  await checkParts(parsed);
  const runId = id ?? context.store.newId(spec.name);
  const runFolder = context.store.folderOf(spec.project, runId);
  const earlier = holdsRun(runFolder) ? new RunReader(runFolder) : undefined;
  limitMemory(memoryLimitOf(spec));
  // A run keeps the kernels it began with.
  useKernels((earlier?.plan().engine.kernels as KernelTable | undefined) ?? kernelsFor(context.env));
  const resolved = await resolveRun(spec, folder);
  const lock = acquireLock(runFolder);
  try {
    if (earlier && earlier.plan().hash === resolved.plan.hash && earlier.record().state !== "done")
      return await goOn(resolved, { reader: earlier, lock, differing: [] }, context);
    return await begin({ parsed, resolved, id: runId, lock }, context);
  } finally {
    lock.release();
  }
}

function begin(
  run: { readonly parsed: ParsedSpec; readonly resolved: Resolved; readonly id: string; readonly lock: RunLock },
  context: RunContext,
): Promise<RunOutcome> {
  const { parsed, resolved, id, lock } = run;
  const { plan } = resolved;
  const writer = context.store.create({
    lock,
    id,
    name: parsed.spec.name,
    project: parsed.spec.project,
    plan,
    config: renderConfig(parsed, lock.folder, context.env),
    inputs: parsed.inputs,
    environment: environmentOf(context.env, { engine: plan.engine.libtorch, model: plan.model.digest }),
    retention: retentionOf(plan),
    versions: context.versions,
    paths: pathHints(parsed, context.env),
    ...(context.git ? { git: context.git } : {}),
  });
  context.onFolder?.(lock.folder);
  return drive(resolved, { lock, writer, load: fromBeginning(resolved), first: [{ type: "started", plan: plan.hash }] }, context);
}

/** Goes on with a run from its newest good checkpoint. A finished one is finished. */
export async function resumeRun(reader: RunReader, context: RunContext, allowed: Allowed): Promise<RunOutcome> {
  const { folder } = reader;
  const lock = acquireLock(folder);
  try {
    if (reader.record().state === "done") return exitCodes.done;
    const { spec } = readRunSpec(folder, { env: context.env, presets: presetFolder });
    const stored = reader.plan();
    limitMemory(memoryLimitOf(spec));
    useKernels(stored.engine.kernels as KernelTable);
    // Another machine may take its own number of threads only where an engine that differs is allowed.
    const threads = spec.engine.threads === "auto" && !allowed.has("engine") ? stored.engine.threads : spec.engine.threads;
    const resolved = await resolveRun({ ...spec, engine: { ...spec.engine, threads } }, folder);
    const differing = differingAspects(stored, resolved.plan, allowed);
    if (differing.length > 0) checkBudget(folder, resolved.plan);
    return await goOn(resolved, { reader, lock, differing }, context);
  } finally {
    lock.release();
  }
}

/** Before anything is written: a plan that changed must still have room for what the run has done. @throws {BudgetPassedError} */
function checkBudget(folder: string, { tasks }: RunPlan): void {
  const { checkpoint } = newestCheckpoint(folder);
  if (!checkpoint) return;
  const { task, step } = checkpoint.state as unknown as StoredState;
  assertWithinPlan(tasks, { applied: checkpoint.step, task, step });
}

/** Before anything is written: a run whose time is over is not gone on with. @throws {TimePassedError} */
function checkTime(folder: string, plan: RunPlan): void {
  if (plan.spec.budget.unit !== "time") return;
  const { checkpoint } = newestCheckpoint(folder);
  if (checkpoint) clockOf(folder, plan, checkpoint.step).assertNotOver();
}

function goOn(
  resolved: Resolved,
  run: { readonly reader: RunReader; readonly lock: RunLock; readonly differing: readonly PlanAspect[] },
  context: RunContext,
): Promise<RunOutcome> {
  const { reader, lock, differing } = run;
  checkTime(reader.folder, resolved.plan);
  const { writer, checkpoint, refused } = context.store.resume(reader.folder, {
    lock,
    retention: retentionOf(resolved.plan),
    ...(differing.length > 0 ? { plan: resolved.plan } : {}),
  });
  context.onFolder?.(reader.folder);
  const warnings = refused.map(
    ({ name, reason }): RunEvent => ({
      type: "warning",
      code: "EG-4302",
      message: `checkpoint ${name} was refused (${reason}); the one before is used`,
    }),
  );
  if (!checkpoint && differing.length > 0)
    warnings.push({ type: "warning", code: "EG-3140", message: `begins anew although ${differing.join(", ")} differ: not bit-exact` });
  const first: RunEvent = checkpoint
    ? {
        type: "resumed",
        from: checkpoint.name,
        task: checkpoint.task,
        step: checkpoint.step,
        exact: differing.length === 0,
        allowed: differing,
      }
    : { type: "started", plan: reader.plan().hash };
  const load = checkpoint ? () => fromCheckpoint(checkpoint) : fromBeginning(resolved);
  return drive(resolved, { lock, writer, load, first: [first, ...warnings] }, context);
}

const fromBeginning =
  ({ model }: Resolved) =>
  async (): Promise<Start> => ({ loaded: await model.load(), from: beginning });

async function fromCheckpoint({ folder, state }: Checkpoint): Promise<Start> {
  const { methods, experts, ...position } = state as unknown as StoredState;
  const { loaded, ...found } = await readState(folder, methods);
  return { loaded, from: { position, ...found, ...(experts ? { experts } : {}) } };
}

const memoryLimitOf = ({ engine }: RunSpec): number =>
  (engine.memoryLimit === undefined ? undefined : parseBytes(engine.memoryLimit)) ?? defaultMemoryLimit();

const retentionOf = ({ spec }: RunPlan): { readonly keepLast: number; readonly keepTaskEnds: boolean } => ({
  keepLast: spec.checkpoint.keepLast,
  keepTaskEnds: false,
});
