import { cellOf } from "../runs/sweep.ts";
import type { TrialResult } from "../runs/trial.ts";
import { groupBy } from "../util/group-by.ts";
import { studentT95 } from "../util/student.ts";
import { withDeviation } from "./numbers.ts";
import type { Column, Table } from "./table.ts";

/** What a sweep planned for one trial, and its result where it is there. */
export interface SweptTrial {
  readonly trial: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly result?: TrialResult;
}

type ScoreName = "ka" | "zs" | "gm";
const scoreNames = ["ka", "zs", "gm"] as const satisfies readonly ScoreName[];

/** Mean over seeds, their sample standard deviation, and the 95 % interval of the mean (Student's t); shares. */
export interface Spread {
  readonly mean: number;
  readonly deviation?: number;
  readonly interval?: readonly [number, number];
  readonly count: number;
}

/** Trials that differ in the seed alone. */
export interface SweepCell {
  readonly labels: Readonly<Record<string, string>>;
  readonly trials: readonly SweptTrial[];
  readonly found: number;
  /** At the last evaluation. */
  readonly scores: Readonly<Record<ScoreName, Spread | undefined>>;
  /** Before the first task. */
  readonly start: Readonly<Record<ScoreName, Spread | undefined>>;
}

/** Trials gathered over their seeds, in the order of the sweep. */
export function sweepCells(trials: readonly SweptTrial[]): readonly SweepCell[] {
  const cells = groupBy(trials, ({ labels: { seed: _, ...rest } }) => JSON.stringify(rest));
  return [...cells.entries()].map(([key, members]) => {
    const results = members.flatMap(({ result }) => (result ? [result] : []));
    const at = (index: number): SweepCell["scores"] => {
      const values = (name: ScoreName): number[] =>
        results.flatMap(({ evaluations }) => {
          const value = evaluations.at(index)?.[name]?.value;
          return value === undefined ? [] : [value];
        });
      return { ka: spreadOf(values("ka")), zs: spreadOf(values("zs")), gm: spreadOf(values("gm")) };
    };
    return { labels: JSON.parse(key), trials: members, found: results.length, scores: at(-1), start: at(0) };
  });
}

/** Undefined of no values; without deviation of one. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, count };
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1));
  const half = (studentT95(count - 1) * deviation) / Math.sqrt(count);
  return { mean, deviation, interval: [mean - half, mean + half], count };
}

/** What cells are told apart by, seeds aside. */
export function cellName({ labels }: Pick<SweepCell, "labels">): string {
  return cellOf(labels);
}

/** One line a cell: mean ± standard deviation over seeds, in per cent, and how many of its trials are there. */
export function sweepTable(axes: readonly string[], cells: readonly SweepCell[]): Table {
  const named = axes.filter((axis) => axis !== "seed");
  const columns: readonly Column[] = [
    ...named.map((title) => ({ title })),
    ...scoreNames.map((name) => ({ title: `${name.toUpperCase()} %`, align: "right" as const })),
    { title: "trials", align: "right" },
  ];
  return {
    columns,
    rows: cells.map((cell) => [
      ...named.map((axis) => cell.labels[axis]),
      ...scoreNames.map((name) => {
        const spread = cell.scores[name];
        return spread && withDeviation(spread.mean, spread.deviation);
      }),
      cell.found === cell.trials.length ? String(cell.found) : cell.found === 0 ? "missing" : `${cell.found} of ${cell.trials.length}`,
    ]),
  };
}
