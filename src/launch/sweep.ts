import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { usedPlugins, usePlugins } from "../pipeline/catalogues.ts";
import { keptOutcomes, outcomePlace } from "../pipeline/keep-outcomes.ts";
import { mainEvaluations } from "../report/content.ts";
import { RunReader } from "../runs/run-reader.ts";
import { holdsRun } from "../runs/run-record.ts";
import { readSpec, type SpecRequest } from "../runs/spec.ts";
import type { RunStore } from "../runs/store.ts";
import { RunExistsError } from "../runs/store-error.ts";
import type { Sweep, Trial } from "../runs/sweep.ts";
import { configKey, readTrial, type TrialResult, trialResult, trialText } from "../runs/trial.ts";
import { viewOf } from "../runs/view.ts";
import { replaceFile } from "../util/atomic-file.ts";
import { EvergreenError, exitCodes } from "../util/errors.ts";
import { settleIdleThreads } from "../util/idle-threads.ts";
import type { FromTrainer } from "./messages.ts";
import { supervise } from "./supervisor.ts";

/** Where a sweep runs. */
export interface SweepContext {
  readonly store: RunStore;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Folder of presets, and how a run file's name becomes a path. */
  readonly presets: string;
  fileOf(name: string): string;
}

/** A trial with all that is known of it before it is run. */
export interface PreparedTrial {
  readonly trial: Trial;
  readonly request: SpecRequest;
  readonly config: string;
  /** The run's id: equal settings and parts, equal id. */
  readonly run: string;
  readonly project: string;
  readonly file: string;
  /** Its result, where one of the same settings is there. */
  readonly result?: TrialResult;
}

/** How a trial ended. */
export type TrialOutcome =
  | { readonly state: "done"; readonly result: TrialResult }
  | { readonly state: "failed"; readonly reason: string }
  | { readonly state: "stopped" };

export interface SweepAudience {
  began(trial: PreparedTrial, index: number): void;
  heard(trial: PreparedTrial, message: FromTrainer): void;
  /** The first signal: what runs is saved. */
  stopping(signal: string): void;
  /** What something in a trainer wrote past our own reporting. */
  aside(text: string): void;
  ended(trial: PreparedTrial, outcome: TrialOutcome, index: number): void;
}

/**
 * Reads every trial's configuration and what is there of its result.
 * @throws {ConfigError} for the first trial that is wrong, {EvergreenError} for a folder of parts that cannot be used.
 */
export function prepareTrials(sweep: Sweep, context: SweepContext): readonly PreparedTrial[] {
  return sweep.trials.map((trial) => {
    const set = [...trial.set, `name=${JSON.stringify(sweep.name)}`, `project=${JSON.stringify(sweep.name)}`];
    const { env, cwd, presets } = context;
    const request = { files: sweep.run.map((name) => context.fileOf(name)), set, env: { ...env }, cwd, presets };
    const parsed = readSpec(request);
    usePlugins(parsed.spec.plugins);
    const config = configKey(parsed, usedPlugins(parsed.spec).plugins);
    const file = join(sweep.results, `${trial.id}.json`);
    const result = resultOf({ file, config });
    return {
      trial,
      request,
      config,
      run: `${sweep.name}-${trial.id}-${config.slice(0, 6)}`.slice(-128),
      project: sweep.name,
      file,
      ...(result ? { result } : {}),
    };
  });
}

/** A trial's result as it lies there; undefined where there is none, or one of other settings or parts. */
export function resultOf({ file, config }: Pick<PreparedTrial, "file" | "config">): TrialResult | undefined {
  const found = readTrial(file);
  return found?.config === config ? found : undefined;
}

/**
 * Runs what has no result yet, one trial after another or `jobs` at once, each in a process of its own. An unfinished trial goes on from its last checkpoint; one that
 * fails is told of and the others go on. The first signal saves what runs and ends the sweep.
 * @returns False when it was stopped.
 */
export async function runTrials(
  trials: readonly PreparedTrial[],
  context: SweepContext & { readonly jobs: number },
  audience: SweepAudience,
): Promise<boolean> {
  // Processes that share the processors must not spin while they wait.
  if (context.jobs > 1) settleIdleThreads(process.env, "0");
  const waiting = trials.map((trial, index) => ({ trial, index })).filter(({ trial }) => !trial.result);
  let stopped = false;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !stopped; next = waiting.shift()) {
      audience.began(next.trial, next.index);
      const outcome = await runTrial(next.trial, context, audience);
      if (outcome.state === "stopped") stopped = true;
      audience.ended(next.trial, outcome, next.index);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, context.jobs) }, worker));
  return !stopped;
}

async function runTrial(prepared: PreparedTrial, context: SweepContext, audience: SweepAudience, attempt = 1): Promise<TrialOutcome> {
  const { store } = context;
  const id = attempt === 1 ? prepared.run : `${prepared.run}-${attempt}`;
  const folder = store.folderOf(prepared.project, id);
  const isDone = holdsRun(folder) && new RunReader(folder).record().state === "done";
  if (!isDone) {
    const { exit, failure } = await supervise(
      { kind: "train", request: prepared.request, root: store.root, id, share: true },
      {
        hear: (message) => audience.heard(prepared, message),
        stopping: (signal) => audience.stopping(signal),
        aside: (text) => audience.aside(text),
      },
    );
    if (exit === exitCodes.stopped || exit >= 128) return { state: "stopped" };
    if (failure?.code === RunExistsError.code) {
      audience.aside(`${id} has another plan, as of another version: it stays, and the trial begins anew`);
      return runTrial(prepared, context, audience, attempt + 1);
    }
    if (exit !== exitCodes.done) return { state: "failed", reason: failure?.text ?? `exit ${exit}` };
  }
  return {
    state: "done",
    result: await writeResult(prepared, new RunReader(folder), { ...context, aside: (text) => audience.aside(text) }),
  };
}

async function writeResult(
  { trial, project, config, file }: PreparedTrial,
  reader: RunReader,
  { env, presets, aside }: SweepContext & Pick<SweepAudience, "aside">,
): Promise<TrialResult> {
  const plan = reader.plan();
  const view = viewOf(reader.events(), plan);
  const rows = mainEvaluations(view);
  const place = await outcomePlace(reader.folder, plan.sources, { env, presets }).catch((error: unknown) => {
    // Without its data a finished run still has its scores.
    if (!(error instanceof EvergreenError)) throw error;
    aside(`${trial.id}: outcomes of its test items are not kept: ${error.message}`);
    return undefined;
  });
  const outcomes = place && keptOutcomes(rows, place);
  const result = trialResult({ sweep: project, trial, config }, { plan, view, rows, outcomes });
  mkdirSync(dirname(file), { recursive: true });
  replaceFile(file, (temporary) => writeFileSync(temporary, trialText(result)));
  return result;
}
