import { statfsSync } from "node:fs";
import { chargedTotal } from "../budget/steps.ts";
import { forwardFlops } from "../budget/tower.ts";
import { hostDevice } from "../engine/host.ts";
import { useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit } from "../engine/memory.ts";
import { mixturesOf } from "../mixtures/course.ts";
import { rowsBefore } from "../mixtures/positions.ts";
import type { PlannedRows } from "../runs/plan.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { AccountingSpec } from "../runs/spec-values.ts";
import { formatBytes, parseBytes } from "../util/units.ts";
import { scoringWork } from "./held-out.ts";
import { kernelsFor } from "./kernel-choice.ts";
import { type Calibration, calibrate } from "./plan-calibrate.ts";
import { batchesAtTaskEnd, taskEndFlops } from "./plan-cost.ts";
import { workOf } from "./plan-shape.ts";
import { forecastStep, type StepForecast } from "./plan-step.ts";
import { type PlannedWithout, plannedWithout } from "./plan-unopened.ts";
import { plannedEvaluations } from "./planned-evaluations.ts";
import { type Resolved, resolveRun, toPlan, toTrain } from "./resolve.ts";

/** A task before it is run. */
interface TaskForecast {
  readonly name?: string;
  readonly concepts: number;
  readonly samples: number;
  readonly steps: number;
  /** Rows of a batch from step `from` of the task on. */
  readonly phases: readonly { readonly from: number; readonly rows: PlannedRows }[];
  /** How often the task goes through its own samples. */
  readonly passes: number;
}

/** What a run will take, told before it takes it. */
export interface RunForecast {
  readonly name: string;
  readonly model: { readonly arch: string; readonly parameters: number; readonly trainable: number; readonly precision: string };
  readonly batchSize: number;
  readonly tasks: readonly TaskForecast[];
  readonly steps: number;
  readonly samples: number;
  readonly step: StepForecast;
  /** Charged against the budget, in its own unit; absent where steps or samples are counted. */
  readonly charge?: {
    readonly unit: "mafs" | "flops";
    readonly perStep: number;
    readonly multiplier: number;
    readonly total: number;
    readonly accounting: AccountingSpec;
  };
  /** FLOPs of what methods do before the first step. */
  readonly startFlops: number;
  /** What methods do when tasks end, over the run: batches looked at, held-back images scored, and the FLOPs of both; how often merges go through a model's entries. */
  readonly taskEnds: { readonly batches: number; readonly scoredImages: number; readonly flops: number; readonly passes: number };
  /** Never charged. */
  readonly evaluation: { readonly times: number; readonly images: number; readonly flops: number };
  /** Peak of the compute device; where that is the host, with what lies in the host's memory by a method's choice. */
  readonly memory: { readonly peakBytes: number; readonly hostBytes: number; readonly limitBytes: number };
  /** At most: the checkpoints that are kept and one that is being written, and the files of experts that methods keep. */
  readonly disk: { readonly checkpointBytes: number; readonly expertBytes: number; readonly totalBytes: number };
  readonly time?: TimeForecast;
  /** What was not there. Counts and shapes stand for it; to train it must be there. */
  readonly without: PlannedWithout;
  readonly warnings: readonly string[];
}

interface TimeForecast extends Calibration {
  readonly trainMs: number;
  readonly evaluateMs: number;
  readonly totalMs: number;
  readonly cost?: number;
}

export interface ForecastOptions {
  /** Names in the run file are relative to it. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where runs are written: its free space is looked at. */
  readonly runs: string;
  readonly calibrate: boolean;
  /** Of an hour. */
  readonly price?: number;
}

/** Works out what a run takes, without its data and weights where they are not there. Reads no image and no weight unless it calibrates; writes nothing. */
export async function forecastRun(spec: RunSpec, options: ForecastOptions): Promise<RunForecast> {
  useKernels(kernelsFor(options.env));
  const resolved = await resolveRun(spec, options.folder, options.calibrate ? toTrain : toPlan);
  const { plan } = resolved;
  const step = await forecastStep(resolved);
  const tasks = plan.tasks.map(
    ({ name, concepts, samples, steps, phases }): TaskForecast => ({
      ...(name === undefined ? {} : { name }),
      concepts: concepts.length,
      samples,
      steps,
      phases,
      passes: rowsBefore(phases, steps).update / samples,
    }),
  );
  const steps = tasks.reduce((sum, task) => sum + task.steps, 0);
  const charge = chargeOfRun(resolved);
  const evaluation = evaluationOf(resolved);
  const forecast = {
    name: spec.name,
    model: { ...plan.model, precision: spec.model.precision },
    batchSize: spec.data.batchSize,
    tasks,
    steps,
    samples: steps * spec.data.batchSize,
    step,
    ...(charge ? { charge } : {}),
    startFlops: step.startFlops,
    taskEnds: await taskEndsOf(resolved, step),
    evaluation,
    memory: {
      peakBytes: Math.max(step.peakBytes, step.between.peakBytes) + (plan.engine.device === hostDevice ? step.hostBytes : 0),
      hostBytes: step.hostBytes,
      limitBytes: parseBytes(spec.engine.memoryLimit ?? "") ?? defaultMemoryLimit(),
    },
    disk: diskOf(resolved, step),
    without: plannedWithout(resolved.data, resolved.model),
  };
  const time = options.calibrate ? timeOf(await calibrate(resolved), forecast, options.price) : undefined;
  return { ...forecast, ...(time ? { time } : {}), warnings: warningsOf(spec, forecast, options.runs) };
}

async function taskEndsOf(resolved: Resolved, { between }: StepForecast): Promise<RunForecast["taskEnds"]> {
  const { plan, methods, scored } = resolved;
  const { batchSize } = plan.spec.data;
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    batches: sum(plan.tasks.map(({ samples }) => batchesAtTaskEnd(methods, { samples, batchSize }))),
    scoredImages: scored ? sum(scoringWork(scored).map(({ images }) => images)) : 0,
    flops: sum(taskEndFlops(resolved, between.flops)),
    passes: sum(await methods.passes(plan.tasks.length)),
  };
}

function chargeOfRun({ plan: { spec, tasks }, price }: Resolved): RunForecast["charge"] {
  const { unit, accounting } = spec.budget;
  if (!price || !accounting || (unit !== "mafs" && unit !== "flops")) return undefined;
  const { perStep, multiplier } = price;
  const counts = tasks.map(({ steps }) => steps);
  return { unit, perStep, multiplier, total: chargedTotal(counts, price), accounting };
}

/** An evaluation before the first task, one after each that is due, those inside of tasks. */
function evaluationOf(resolved: Resolved): RunForecast["evaluation"] {
  const { before, after, inside, insides } = plannedEvaluations(resolved);
  const within = insides.reduce((sum, times) => sum + times, 0);
  const times = before === 0 ? 0 : 1 + after.filter((images) => images > 0).length + within;
  const forwards = before + after.reduce((sum, images) => sum + images, 0) + within * inside;
  return { times, images: before, flops: forwards * forwardFlops(workOf(resolved.model.config).image) };
}

/** A checkpoint holds the shipped weights; those in training too where they are others; moments inside of a task alone. */
function diskOf({ plan, methods }: Resolved, { momentBytes, stateBytes, expertBytes }: StepForecast): RunForecast["disk"] {
  const { everyMs, keepLast } = plan.spec.checkpoint;
  const models = methods.decidesWeights || methods.hasAdapters ? 2 : 1;
  const checkpointBytes = 4 * plan.model.parameters * models + (everyMs === undefined ? 0 : momentBytes) + stateBytes;
  return { checkpointBytes, expertBytes, totalBytes: (keepLast + 1) * checkpointBytes + expertBytes };
}

type Untimed = Omit<RunForecast, "time" | "warnings">;

/** An image of an evaluation, and what methods take beside steps, have their share of a step by FLOPs. */
function timeOf(
  measured: Calibration,
  { steps, step, startFlops, taskEnds, evaluation }: Untimed,
  price: number | undefined,
): TimeForecast {
  const trainMs = measured.stepMs * (steps + (startFlops + taskEnds.flops) / step.metered);
  const evaluateMs = measured.stepMs * (evaluation.flops / step.metered);
  const totalMs = trainMs + evaluateMs;
  return { ...measured, trainMs, evaluateMs, totalMs, ...(price === undefined ? {} : { cost: (price * totalMs) / 3.6e6 }) };
}

function warningsOf(spec: RunSpec, forecast: Untimed, runs: string): readonly string[] {
  const { tasks, memory, step, disk, charge } = forecast;
  const warnings: string[] = [];
  const replays = (task: number, steps: number): boolean =>
    mixturesOf(spec.data.mixture, { task, steps }).some(({ shares }) => shares.buffer > 0);
  const withoutReplay = tasks.filter(
    ({ steps, phases }, task) => replays(task, steps) && phases.every(({ rows }) => rows.buffer === 0),
  ).length;
  if (withoutReplay > 0)
    warnings.push(
      `${withoutReplay === 1 ? "the first task has" : `${withoutReplay} tasks have`} nothing to replay: the buffer's share goes elsewhere`,
    );
  const small = tasks.filter(({ samples, phases }) => phases.some(({ rows }) => samples < rows.update)).length;
  if (small > 0) warnings.push(`${small} of ${tasks.length} tasks have fewer samples than a batch takes: an image comes twice in it`);
  if (memory.peakBytes > memory.limitBytes)
    warnings.push(
      `a step needs ${formatBytes(memory.peakBytes)}, the limit is ${formatBytes(memory.limitBytes)}: lower data.batch_size, or set engine.micro_batch or engine.activation_checkpointing`,
    );
  if (step.unreached.length > 0) warnings.push(unreachedText(step.unreached));
  if (!step.agrees)
    warnings.push(`${(100 * step.unexplained).toFixed(1)} % of the metered FLOPs are not explained by the closed form; up to 2 % may be`);
  const budget = spec.budget.scope === "run" ? spec.budget.total : spec.budget.total * tasks.length;
  if (charge && charge.total > budget)
    warnings.push(
      `the steps are rounded up: ${(100 * (charge.total / budget - 1)).toFixed(3)} % over the budget; budget.accounting.strict: true rounds down`,
    );
  const free = freeBytes(runs);
  if (free !== undefined && disk.totalBytes > free)
    warnings.push(`checkpoints and experts need up to ${formatBytes(disk.totalBytes)}, the disk has ${formatBytes(free)} left`);
  return warnings;
}

function unreachedText(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  const which = names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
  return `no step uses ${which}: counted as learning, and nothing of the loss reaches it`;
}

/** Free space where a folder is, or will be. */
function freeBytes(folder: string): number | undefined {
  for (let path = folder; ; path = path.slice(0, path.lastIndexOf("/")))
    try {
      const { bavail, bsize } = statfsSync(path === "" ? "/" : path);
      return bavail * bsize;
    } catch {
      if (path === "") return undefined;
    }
}
