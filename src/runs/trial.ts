import { existsSync } from "node:fs";
import { plainOf } from "../util/config-tree.ts";
import { hashOf } from "../util/hash.ts";
import { formatted, readFormatted } from "./formats.ts";
import type { Measurement } from "./measurement.ts";
import type { StoredPlan } from "./run-reader.ts";
import type { ParsedSpec } from "./spec.ts";
import type { Trial } from "./sweep.ts";
import type { EvaluationView, RunView } from "./view.ts";

/** A score and its 95 % interval over test items, shares. */
export interface TrialScore {
  readonly value: number;
  readonly interval?: readonly [number, number];
}

/** One evaluation of a trial; task -1 before the first. */
export interface TrialEvaluation {
  readonly task: number;
  readonly step: number;
  readonly ka?: TrialScore;
  readonly zs?: TrialScore;
  readonly gm?: TrialScore;
  /** Headline metric by set. */
  readonly sets: Readonly<Record<string, number>>;
}

/** What a finished trial leaves: small enough to be kept with the code. */
export interface TrialResult {
  readonly sweep: string;
  readonly trial: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly set: readonly string[];
  /** Of the configuration, without the run's name and project. */
  readonly config: string;
  readonly plan: string;
  readonly code: string;
  readonly model: { readonly arch: string; readonly digest: string };
  /** Of the fingerprints of all data that was read. */
  readonly data: string;
  readonly engine: { readonly instructions: string; readonly libtorch: string; readonly threads: number };
  readonly tasks: number;
  readonly steps: number;
  readonly samples: number;
  readonly evaluations: readonly TrialEvaluation[];
}

/** Equal for trials of equal settings, whatever the run is called and wherever its files lie. */
export function configKey({ tree }: ParsedSpec): string {
  const { name: _name, project: _project, ...settings } = plainOf(tree, ({ value }) => value) as Readonly<Record<string, unknown>>;
  return hashOf(settings).slice(0, 16);
}

/** The result of a finished run. `rows` are the evaluations of the weights that are released. */
export function trialResult(
  about: { readonly sweep: string; readonly trial: Trial; readonly config: string },
  run: { readonly plan: StoredPlan; readonly view: RunView; readonly rows: readonly EvaluationView[] },
): TrialResult {
  const { sweep, trial, config } = about;
  const { plan, view, rows } = run;
  const { instructions, libtorch, threads } = plan.engine;
  return {
    sweep,
    trial: trial.id,
    labels: trial.labels,
    set: trial.set,
    config,
    plan: plan.hash,
    code: plan.code,
    model: { arch: plan.model.arch, digest: plan.model.digest },
    data: hashOf(plan.sources).slice(0, 16),
    engine: { instructions, libtorch, threads },
    tasks: plan.tasks.length,
    steps: view.step,
    samples: view.samples,
    evaluations: rows.map(({ task, step, scores, cells }) => ({
      task,
      step,
      ...scoreOf("ka", scores?.ka),
      ...scoreOf("zs", scores?.zs),
      ...scoreOf("gm", scores?.gm),
      sets: Object.fromEntries(Object.entries(cells).map(([name, { headline }]) => [name, round(headline.value)])),
    })),
  };
}

/** The text of a result's file. */
export function trialText(result: TrialResult): string {
  return formatted("trial", result);
}

/** A result, where its file is there. @throws {RunFileError} for a file that is none. */
export function readTrial(file: string): TrialResult | undefined {
  return existsSync(file) ? readFormatted<TrialResult>(file, "trial") : undefined;
}

function scoreOf(name: "ka" | "zs" | "gm", measured: Measurement | undefined): Partial<Record<"ka" | "zs" | "gm", TrialScore>> {
  if (!measured) return {};
  const { value, interval } = measured;
  return { [name]: { value: round(value), ...(interval ? { interval: [round(interval[0]), round(interval[1])] } : {}) } };
}

/** More digits than any interval is narrow. */
const round = (value: number): number => Number(value.toPrecision(7));
