import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { TowerChoice } from "../merging/settings.ts";
import { modelPath } from "../pipeline/model-path.ts";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { type Checkpoint, checkpointNames, verifyCheckpoint } from "../runs/checkpoint.ts";
import { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import { CheckpointError } from "../runs/store-error.ts";
import { UsageError } from "../util/errors.ts";
import { findModelFile } from "./model-reference.ts";
import { fromHere } from "./output.ts";
import { runFolderOf } from "./run-folder.ts";

/** Weights that a sweep goes between, with the words by which `evergreen merge` finds them. */
interface SweptModel {
  readonly path: string;
  readonly name: string;
}

/** How each point of a sweep is merged. */
export interface SweepPlan {
  readonly old: SweptModel;
  readonly fresh: SweptModel;
  /** As the run's training does; where the weights are no run's, as training does by default. */
  readonly clampsLogitScale: boolean;
  /** What a share of the old weights means as a merge: its operator, whether the old weights are its base or its first model, and the flags that say so. */
  mergeAt(weight: number): { readonly tower: TowerChoice; readonly hasBase: boolean; readonly argv: readonly string[] };
}

interface FreshModel extends SweptModel {
  /** Folder of the run whose checkpoint it is. */
  readonly run?: string;
  /** The run was named as the store has it. */
  readonly isStored: boolean;
}

/** What lies between the weights that `from` names and a run's: interpolations of the two. */
export function interpolations(reference: string, from: string, runs: string | undefined): SweepPlan {
  const fresh = freshModel(reference, runs);
  const old = oldModel(fresh, from, runs);
  const clamps = clampsLogitScale(fresh);
  return {
    old,
    fresh,
    clampsLogitScale: clamps,
    mergeAt(weight) {
      const shares = [weight, rounded(1 - weight)];
      return {
        tower: { operator: { name: "linear" }, weights: { each: shares } },
        hasBase: false,
        argv: [old.name, fresh.name, "--weights", shares.join(","), ...clamping(clamps)],
      };
    },
  };
}

/**
 * The last fold of a run that merges over time, with other weights. What it ships is r_t = w·r_{t−1} + (1 − w)·θ_t, so the fold with v is r_{t−1} + (1 − v)/(1 − w)·(r_t −
 * r_{t−1}): the expert itself need not lie anywhere.
 * @throws {UsageError} for a run that ships no such merge.
 */
export function lastFolds(reference: string, runs: string | undefined): SweepPlan {
  const fresh = freshModel(reference, runs);
  const weight = foldWeight(fresh);
  const old = oldModel(fresh, "previous", runs);
  const clamps = clampsLogitScale(fresh);
  return {
    old,
    fresh,
    clampsLogitScale: clamps,
    mergeAt(share) {
      const lambda = rounded((1 - share) / (1 - weight));
      return {
        tower: { operator: { name: "task-arithmetic", lambda } },
        hasBase: true,
        argv: [fresh.name, "--base", old.name, "--method", "task-arithmetic", "--set", `lambda=${lambda}`, ...clamping(clamps)],
      };
    },
  };
}

const clampsLogitScale = ({ run }: FreshModel): boolean => run === undefined || specOf(run).loss.clampLogitScale;
const specOf = (run: string) => readRunSpec(run, { env: process.env, presets: presetFolder }).spec;

const clamping = (clamps: boolean): readonly string[] => (clamps ? [] : ["--no-clamp"]);

const rounded = (value: number): number => Number(value.toPrecision(12));

function freshModel(reference: string, runs: string | undefined): FreshModel {
  const path = findModelFile(reference, runs);
  const run = runFolderOf(path);
  const isStored = run !== undefined && !existsSync(reference);
  const name = isStored ? storedName(run, basename(dirname(path))) : reference.startsWith("preset:") ? reference : fromHere(path);
  return { path, name, isStored, ...(run === undefined ? {} : { run }) };
}

/** `RUN@t0003-s00000120`; another state at the same step has its path alone. */
const storedName = (run: string, checkpoint: string): string =>
  /^t\d+-s\d+$/.test(checkpoint) ? `${new RunReader(run).record().id}@${checkpoint}` : fromHere(checkpointFile(run, checkpoint));

const checkpointFile = (run: string, checkpoint: string): string => join(run, "checkpoints", checkpoint, "model.safetensors");

function oldModel(fresh: FreshModel, from: string, runs: string | undefined): SweptModel {
  if (from !== "theta0" && from !== "previous") {
    const path = findModelFile(from, runs);
    return { path, name: from.startsWith("preset:") ? from : fromHere(path) };
  }
  const { run } = fresh;
  if (run === undefined) throw new UsageError(`--from ${from}: ${fresh.name} is no run's`, "name the old weights: --from MODEL");
  return from === "theta0" ? firstWeights(run) : shippedBefore({ ...fresh, run });
}

/** Tasks that were done at a checkpoint. */
const tasksDone = ({ path }: SweptModel): number => Number(/^t(\d+)-/.exec(basename(dirname(path)))?.[1] ?? 0);

/** Whether a checkpoint holds what a task left, not what it is in the midst of. */
const isBorder = (checkpoint: ReturnType<typeof verifyCheckpoint>): checkpoint is Checkpoint =>
  !("reason" in checkpoint) && (checkpoint.kind === "task_end" || checkpoint.kind === "finish");

function firstWeights(run: string): SweptModel {
  const { init } = specOf(run).model;
  if (init === "random")
    throw new UsageError(
      `${run} began with random weights, which no merge should go back to`,
      "name other old weights: --from previous, or --from MODEL",
    );
  const path = modelPath(init);
  return { path, name: init.startsWith("preset:") ? init : fromHere(path) };
}

/** What was there when the last task began: what the run shipped after the one before, else its first weights. */
function shippedBefore(fresh: FreshModel & { readonly run: string }): SweptModel {
  const { run, isStored } = fresh;
  const done = tasksDone(fresh) - (isBorder(checkpointOf(fresh)) ? 1 : 0);
  if (done === 0) return firstWeights(run);
  const wanted = `t${String(done).padStart(4, "0")}-`;
  const found = checkpointNames(run)
    .filter((name) => name.startsWith(wanted))
    .map((name) => verifyCheckpoint(run, name))
    .find(isBorder);
  if (!found)
    throw new CheckpointError(
      `${run} has no good checkpoint of the end of task ${done}`,
      "name other old weights: --from theta0, or --from MODEL; checkpoint.at: [task_end] keeps the ends of all tasks",
    );
  return {
    path: checkpointFile(run, found.name),
    name: isStored ? storedName(run, found.name) : fromHere(checkpointFile(run, found.name)),
  };
}

const checkpointOf = ({ run, path }: { readonly run: string; readonly path: string }) => verifyCheckpoint(run, basename(dirname(path)));

/** Share of the old weights in a run's last fold. */
function foldWeight({ run, path, name }: FreshModel): number {
  const refuse = (why: string): UsageError => new UsageError(`--unfold: ${why}`, "leave --unfold away to go between whole weights");
  if (run === undefined) throw refuse(`${name} is no run's`);
  const { methods } = specOf(run);
  const merging = methods.find((method) => method.name === "temporal-merging");
  if (!merging) throw refuse("the run does not merge over time");
  // Runs of before the weight had to be given merged by 0.9.
  const { deploy = "unrolled", operator = "linear", weight = 0.9, base = "theta0", modifier, towers } = merging;
  const operatorName = typeof operator === "string" ? operator : (operator as { readonly name?: unknown }).name;
  if (deploy !== "unrolled" || operatorName !== "linear" || modifier !== undefined || towers !== undefined)
    throw refuse("what the run ships is no linear fold of its last expert, and the expert lies in no file");
  if (weight === 1) throw refuse("the run keeps nothing of its experts");
  if (base === "first" && tasksDone({ path, name }) === 1) throw refuse("nothing was folded before the second expert");
  if (!isBorder(checkpointOf({ run, path }))) throw refuse(`${basename(dirname(path))} is no end of a task`);
  return weight as number;
}
