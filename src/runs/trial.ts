import { existsSync } from "node:fs";
import { plainOf } from "../util/config-tree.ts";
import { hashOf } from "../util/hash.ts";
import { formatOf, readFormatted } from "./formats.ts";
import type { Measurement } from "./measurement.ts";
import type { StoredPlan } from "./run-reader.ts";
import type { ParsedSpec } from "./spec.ts";
import type { Trial } from "./sweep.ts";
import type { EvaluationView, RunView } from "./view.ts";

/** A score and its 95 % interval over test items, shares. */
interface TrialScore {
  readonly value: number;
  readonly interval?: readonly [number, number];
}

/** One evaluation of a trial; task -1 before the first. */
export interface TrialEvaluation {
  readonly task: number;
  readonly step: number;
  /** Test items that KA and ZS were counted over: fewer than at the ends where a subset is scored on the way. Absent in trial/1. */
  readonly items?: number;
  readonly ka?: TrialScore;
  readonly zs?: TrialScore;
  readonly gm?: TrialScore;
  /** Headline metric by set. */
  readonly sets: Readonly<Record<string, number>>;
}

/** The weights in training in the midst of a task: scores alone. */
type TrialPoint = Pick<TrialEvaluation, "task" | "step" | "items"> & Readonly<Partial<Record<"ka" | "zs" | "gm", number>>>;

/** A set whose items' outcomes are stored. */
export interface TrialSet {
  /** Which score counts it. */
  readonly part?: "ka" | "zs";
  /** Of its data and its headline metric: where two agree, the items are the same. */
  readonly digest: string;
  readonly items: number;
  /** Trials of an item in each direction of the metric, one number where all have as many; absent for one direction of one trial. */
  readonly trials?: readonly (number | readonly number[])[];
}

/** Outcomes of every test item at the ends of a trial, so that two trials can be paired by item from their files alone. */
export interface TrialOutcomes {
  readonly sets: Readonly<Record<string, TrialSet>>;
  /** By set: hits of each item, direction by direction, in base64 of as few bits as they take. Before the first task. */
  readonly first?: Readonly<Record<string, string>>;
  /** After the last. */
  readonly last: Readonly<Record<string, string>>;
}

/** What a finished trial leaves: small enough to be kept with the code. */
export interface TrialResult {
  readonly sweep: string;
  readonly trial: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly set: readonly string[];
  /** Of the configuration, without the run's name and project, and of the user's own parts that it names. */
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
  /** In order of steps. Absent where there are none. */
  readonly inside?: readonly TrialPoint[];
  /** Absent where they could not be had, and in trial/1. */
  readonly outcomes?: TrialOutcomes;
}

/** Equal for trials of equal settings and equal parts of the user's own, whatever the run is called and wherever its files lie. `plugins` are digests of those parts. */
export function configKey({ tree }: ParsedSpec, plugins?: Readonly<Record<string, string>>): string {
  const { name: _name, project: _project, ...settings } = plainOf(tree, ({ value }) => value) as Readonly<Record<string, unknown>>;
  return hashOf(plugins ? [settings, plugins] : settings).slice(0, 16);
}

/** The result of a finished run. `rows` are the evaluations of the weights that are released. */
export function trialResult(
  about: { readonly sweep: string; readonly trial: Trial; readonly config: string },
  run: {
    readonly plan: StoredPlan;
    readonly view: RunView;
    readonly rows: readonly EvaluationView[];
    readonly outcomes?: TrialOutcomes | undefined;
  },
): TrialResult {
  const { sweep, trial, config } = about;
  const { plan, view, rows, outcomes } = run;
  const inside = view.evaluations.filter(({ state }) => state === "inside").sort((a, b) => a.step - b.step);
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
      ...itemsOf(scores),
      ...scoreOf("ka", scores?.ka),
      ...scoreOf("zs", scores?.zs),
      ...scoreOf("gm", scores?.gm),
      sets: Object.fromEntries(Object.entries(cells).map(([name, { headline }]) => [name, round(headline.value)])),
    })),
    ...(inside.length > 0 ? { inside: inside.map(pointOf) } : {}),
    ...(outcomes ? { outcomes } : {}),
  };
}

function pointOf({ task, step, scores }: EvaluationView): TrialPoint {
  const value = (name: "ka" | "zs" | "gm"): Partial<Record<"ka" | "zs" | "gm", number>> => {
    const found = scores?.[name];
    return found ? { [name]: round(found.value) } : {};
  };
  return { task, step, ...itemsOf(scores), ...value("ka"), ...value("zs"), ...value("gm") };
}

const itemsOf = (scores: EvaluationView["scores"]): Pick<TrialEvaluation, "items"> =>
  scores ? { items: (scores.ka?.samples ?? 0) + (scores.zs?.samples ?? 0) } : {};

/** The text of a result's file: a line for every fact, for every evaluation and for the outcomes of either end, which keeps it small and its differences readable. */
export function trialText(result: TrialResult): string {
  const { evaluations, inside, outcomes, ...facts } = result;
  const lines = [
    ...Object.entries({ format: formatOf("trial"), ...facts }).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`),
    ...Object.entries({ evaluations, inside, outcomes }).flatMap(([key, value]) => (value ? [`  "${key}": ${unfolded(value)}`] : [])),
  ];
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** JSON with a line for every member. */
function unfolded(value: object): string {
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const members = Object.entries(value).map(
    ([key, each]) => `    ${open === "{" ? `${JSON.stringify(key)}: ` : ""}${JSON.stringify(each)}`,
  );
  return `${open}\n${members.join(",\n")}\n  ${close}`;
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

/** A thousandth of a point: more than any interval is narrow. */
const round = (value: number): number => Number(value.toFixed(5));
