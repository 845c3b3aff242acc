import { parse } from "yaml";
import type { StoredPlan } from "../runs/run-reader.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { type RunDocument, runSchema } from "../runs/spec-schema.ts";
import type { EvaluationView, RunView } from "../runs/view.ts";
import type { RunSpending } from "./budget-figure.ts";
import type { TimeMeasures } from "./time-matrix.ts";

/** A difference between the last and the first evaluation, over the same items (paired bootstrap); a share. */
export interface PairedChange {
  readonly value: number;
  /** 95 %. */
  readonly interval?: readonly [number, number];
}

/** A picture of the data. Whoever passes it vouches that its licence lets it be shown under this credit. */
export interface SamplePicture {
  /** A `data:` address of an image; anything else is left out. */
  readonly address: string;
  readonly caption: string;
  readonly credit: string;
}

/** Everything that a report says, read already: rendering opens no file. */
export interface ReportContent {
  readonly run: Pick<RunRecord, "id" | "name" | "project" | "state" | "created" | "updated" | "versions">;
  readonly plan: Omit<StoredPlan, "format">;
  /** Text of config.yaml. */
  readonly config: string;
  readonly view: RunView;
  /** The ledger of the run: rows drawn by task and source. */
  readonly drawn?: readonly { readonly task: number; readonly source: string; readonly n: number }[];
  /** Paired changes of the scores, where per-item outcomes were at hand. */
  readonly changes?: Readonly<Partial<Record<"ka" | "zs", PairedChange>>>;
  /** Over the matrix of tasks and data sets, shares; absent where the run was not scored before and after its tasks. */
  readonly transfer?: Readonly<Partial<Record<"backward" | "forward" | "forgetting" | "retention", number | undefined>>>;
  /** Where the compute went; absent where it was not asked for, or its costs could not be worked out. */
  readonly spending?: RunSpending;
  /** Over the matrix of tasks by tests of tasks; absent where the run is not scored on them. */
  readonly overTime?: TimeMeasures;
  /** By data set; empty lines where a set states none. Undefined when the data could not be opened. */
  readonly licences?: readonly { readonly set: string; readonly lines: readonly string[] }[];
  /** A few pictures of each task. */
  readonly samples?: readonly { readonly task: number; readonly pictures: readonly SamplePicture[] }[];
  /** What could not be had for this report, a sentence each. */
  readonly missing?: readonly string[];
  /** Folders of this machine: their paths are shortened to their last part. */
  readonly folders?: readonly string[];
}

/** The configuration, checked; undefined where it holds references or is of another version. */
export function documentOf(config: string): RunDocument | undefined {
  try {
    return runSchema.safeParse(parse(config)).data;
  } catch {
    return undefined;
  }
}

/** The evaluations of the weights that are released: deployed ones where a method tells them from the live ones. In order of tasks. */
export function mainEvaluations(view: RunView): readonly EvaluationView[] {
  const state = view.evaluations.some((row) => row.state === "deployed") ? "deployed" : "live";
  return view.evaluations.filter((row) => row.state === state).sort((a, b) => a.task - b.task || a.step - b.step);
}

/** What a task is called. */
export function taskName(task: number, view: Pick<RunView, "tasks">): string {
  return view.tasks[task]?.name ?? `task ${task + 1}`;
}

/** What an evaluation is called: `start`, or `after 2019`. */
export function evaluationName(task: number, view: Pick<RunView, "tasks">): string {
  return task < 0 ? "start" : `after ${taskName(task, view)}`;
}

/** The text with absolute paths cut to their last part, so that a report can leave the machine it was made on. */
export function withoutPaths(text: string, folders: readonly string[] = []): string {
  const known = folders.filter((folder) => folder.length > 1).sort((a, b) => b.length - a.length);
  // What lies below a known folder becomes a plain absolute path, which the rules below cut like any other; folders may hold blanks, those may not.
  const shortened = known.reduce(
    (rest, folder) =>
      rest
        .replaceAll(`${folder}/`, "/")
        .replaceAll(`${folder}\\`, "/")
        .replaceAll(folder, `…/${lastPart(folder)}`),
    text,
  );
  const shorten = (path: string): string => `…/${lastPart(path)}`;
  return shortened
    .replace(/file:\/\/(?=\/)/g, "")
    .replace(/(?<![\w.…<}/\\-])\/(?!\/)[^\s"'`,;()[\]<>|]+/g, shorten)
    .replace(/(?<!\w)(?:[A-Za-z]:|\\)\\[^\s"'`,;()[\]<>|]+/g, shorten);
}

function lastPart(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== "") ?? "";
}
