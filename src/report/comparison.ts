import type { Measurement } from "../runs/measurement.ts";
import type { PlannedSource } from "../runs/plan.ts";
import type { EvaluationView, RunView } from "../runs/view.ts";
import { EvergreenError } from "../util/errors.ts";
import { mainEvaluations } from "./content.ts";
import { pointsWithInterval, withInterval } from "./numbers.ts";
import type { Table } from "./table.ts";

/** What a comparison reads of a run. */
export interface ComparableRun {
  readonly id: string;
  /** config.yaml as plain data. */
  readonly config: unknown;
  readonly sources: readonly PlannedSource[];
  readonly view: RunView;
  /** Rows of a batch. */
  readonly batchSize: number;
  /** How its budget was charged, in words; absent where steps, samples or time are counted. */
  readonly accounting?: string;
}

/** A budget buys other steps under another accounting. @throws {EvergreenError} for runs that were charged in more than one way. */
export function refuseAccountings(runs: readonly Pick<ComparableRun, "id" | "accounting">[]): void {
  const charged = runs.filter(({ accounting }) => accounting !== undefined);
  const [first] = charged;
  const other = charged.find(({ accounting }) => accounting !== first?.accounting);
  if (!first || !other) return;
  throw new EvergreenError(
    `${other.id} is charged by "${other.accounting}", ${first.id} by "${first.accounting}": the same budget is not the same work`,
    {
      code: "EG-3125",
      exit: "config",
      fix: "give both runs one budget.accounting, or compare them all the same: --force",
    },
  );
}

/** A setting in which runs differ; one value a run, undefined where a run does not set it. */
export interface Difference {
  readonly path: string;
  readonly values: readonly unknown[];
}

/** Settings that tell runs apart in name alone. */
const namesOnly = new Set(["name", "project", "notes", "tags"]);

/** Every setting in which the runs differ, by dotted path in the order of the first run's file. */
export function configDifferences(configs: readonly unknown[]): readonly Difference[] {
  const flat = configs.map((config) => new Map(leaves(config, "")));
  const paths = new Set(flat.flatMap((each) => [...each.keys()]));
  return [...paths]
    .filter((path) => !namesOnly.has(path))
    .map((path) => ({ path, values: flat.map((each) => each.get(path)) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

function leaves(value: unknown, path: string): (readonly [string, unknown])[] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

/** How far below the common number of samples an evaluation may lie, as a share of it. */
const slack = 0.1;

/**
 * The evaluation of each run at the largest number of samples at which all of them were scored, within a tenth: a run that was scored earlier is not held against one that
 * has learned since. Undefined for every run where there is no such number.
 */
export function atEqualSamples(runs: readonly Pick<ComparableRun, "view" | "batchSize">[]): readonly (EvaluationView | undefined)[] {
  const scored = runs.map(({ view, batchSize }) =>
    mainEvaluations(view)
      .filter(({ scores }) => scores)
      .map((row) => ({ row, samples: row.step * batchSize })),
  );
  const numbers = scored.flatMap((rows) => rows.map(({ samples }) => samples)).sort((a, b) => b - a);
  for (const number of numbers) {
    const found = scored.map((rows) => rows.findLast(({ samples }) => samples <= number));
    if (found.every((each) => each && each.samples >= (1 - slack) * number)) return found.map((each) => each?.row);
  }
  return runs.map(() => undefined);
}

/** A set that is left out of a comparison, and why. */
export interface Refused {
  readonly set: string;
  readonly reason: string;
}

/** Sets on which two runs can be held against each other, and why the others cannot. */
export interface ComparableSets {
  readonly ka: readonly string[];
  readonly zs: readonly string[];
  readonly refused: readonly Refused[];
}

interface ComparedRow {
  readonly run: ComparableRun;
  readonly row: EvaluationView;
}
type Part = "kaSets" | "zsSets";

/** Scores over other data, by another metric or in another part are not compared. */
export function comparableSets(a: ComparedRow, b: ComparedRow): ComparableSets {
  const refused: Refused[] = [];
  const setsOf = ({ row }: ComparedRow, part: Part): readonly string[] => row.scores?.[part] ?? [];
  const usable = (part: Part): readonly string[] =>
    [...new Set([...setsOf(a, part), ...setsOf(b, part)])].filter((set) => {
      const isShared = setsOf(a, part).includes(set) && setsOf(b, part).includes(set);
      const reason = whatDiffers(a, b, { set, isShared });
      if (reason !== undefined) refused.push({ set, reason });
      return reason === undefined;
    });
  return { ka: usable("kaSets"), zs: usable("zsSets"), refused };
}

/** Why two runs' scores on a set are two quantities; undefined where they are one. */
function whatDiffers(
  a: ComparedRow,
  b: ComparedRow,
  { set, isShared }: { readonly set: string; readonly isShared: boolean },
): string | undefined {
  const [x, y] = [a, b].map(({ row }) => row.cells[set]?.headline.metric);
  if (x === undefined || y === undefined) return "scored in one run alone";
  if (!isShared) return "not in the same part of both runs";
  if (x !== y) return `scored by ${x} and by ${y}`;
  const [mine, theirs] = [a, b].map(({ run }) => run.sources.find(({ name }) => name === set)?.fingerprint);
  return mine === theirs ? undefined : "its data differ";
}

export type Change = Pick<Measurement, "value" | "interval">;
export type Verdict = "better" | "worse" | "tie" | "unpaired";

/** A difference whose 95 % interval holds zero is a tie. */
export function verdictOf(change: Change | undefined): Verdict {
  if (!change?.interval) return "unpaired";
  const [low, high] = change.interval;
  return low > 0 ? "better" : high < 0 ? "worse" : "tie";
}

/** A run beside the first one. */
export interface ComparedRun {
  readonly id: string;
  readonly row: EvaluationView | undefined;
  readonly samples: number;
  /** Against the first run, by paired bootstrap; none for the first. */
  readonly changes?: Readonly<Record<"ka" | "zs", Change | undefined>>;
}

/** KA, ZS and GM of each run, and how many points it is from the first. */
export function scoresTable(runs: readonly ComparedRun[]): Table {
  const change = (of: Change | undefined): string => (of ? `${pointsWithInterval(of)} ${verdictOf(of)}` : "");
  return {
    columns: [
      { title: "run" },
      { title: "samples", align: "right" },
      { title: "KA %", align: "right" },
      { title: "ZS %", align: "right" },
      { title: "GM %", align: "right" },
      { title: "KA change" },
      { title: "ZS change" },
    ],
    rows: runs.map(({ id, row, samples, changes }) => [
      id,
      samples,
      withInterval(row?.scores?.ka),
      withInterval(row?.scores?.zs),
      withInterval(row?.scores?.gm),
      change(changes?.ka),
      change(changes?.zs),
    ]),
  };
}

/** One line a set, one column a run: the headline metric. */
export function setsTable(runs: readonly ComparedRun[]): Table {
  const sets = [...new Set(runs.flatMap(({ row }) => Object.keys(row?.cells ?? {})))];
  return {
    columns: [{ title: "set" }, { title: "metric" }, ...runs.map(({ id }) => ({ title: id, align: "right" as const }))],
    rows: sets.map((set) => {
      const cells = runs.map(({ row }) => row?.cells[set]?.headline);
      return [set, cells.find((cell) => cell)?.metric, ...cells.map(withInterval)];
    }),
  };
}

/** One line a setting that differs. */
export function differencesTable(ids: readonly string[], differences: readonly Difference[]): Table {
  return {
    columns: [{ title: "setting" }, ...ids.map((title) => ({ title }))],
    rows: differences.map(({ path, values }) => [
      path,
      ...values.map((value) => (value === undefined ? undefined : JSON.stringify(value))),
    ]),
  };
}
