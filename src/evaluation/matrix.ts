import { meanOf } from "./aggregate.ts";

/** A column of the matrix: a task's own test pool, a data set or a year. */
interface MatrixUnit {
  readonly name: string;
  /** Task after which the unit has been trained; undefined for what is never trained. */
  readonly learnedAt?: number;
}

/** Scores by task and unit. An entry that was not measured is undefined, never 0, and takes part in no mean. */
export interface ScoreMatrix {
  readonly units: readonly MatrixUnit[];
  /** Of the start weights, unit by unit. */
  readonly before: readonly (number | undefined)[];
  /** After each task, unit by unit; as many rows as tasks. */
  readonly after: readonly (readonly (number | undefined)[])[];
}

/** Measures of transfer in the unit of the scores; undefined where no entry allows them. */
export interface Transfer {
  /** Mean over units learned before the last task of last score − score when learned. */
  readonly backward: number | undefined;
  /** Mean over units learned after the first task of the score just before learning − the baseline's. */
  readonly forward: number | undefined;
  /** Mean over units learned before the last task of best score − last score. */
  readonly forgetting: number | undefined;
  /** Mean over never trained units of last score / score of the start weights. */
  readonly retention: number | undefined;
  /** MTIL: mean over units learned after the first task of their mean score before learning. */
  readonly mtilTransfer: number | undefined;
  readonly mtilAverage: number | undefined;
  readonly mtilLast: number | undefined;
}

type Score = number | undefined;

/** All measures; `baseline` is the start weights' row unless a random model's is given. MTIL's take the trained units. */
export function transferOf(matrix: ScoreMatrix, baseline: readonly Score[] = matrix.before): Transfer {
  const last = matrix.after.length - 1;
  const at = (task: number, unit: number): Score => matrix.after[task]?.[unit];
  const units = matrix.units.map(({ learnedAt }, unit) => ({ learnedAt, unit }));
  const learned = units.flatMap(({ learnedAt, unit }) => (learnedAt === undefined ? [] : [{ learnedAt, unit }]));
  const early = learned.filter(({ learnedAt }) => learnedAt < last);
  const late = learned.filter(({ learnedAt }) => learnedAt >= 1);
  const column = (unit: number): Score[] => matrix.after.map((row) => row[unit]);
  return {
    backward: meanOf(early.map(({ learnedAt, unit }) => minus(at(last, unit), at(learnedAt, unit)))),
    forward: meanOf(late.map(({ learnedAt, unit }) => minus(at(learnedAt - 1, unit), baseline[unit]))),
    forgetting: meanOf(early.map(({ unit }) => minus(largest(column(unit)), at(last, unit)))),
    retention: meanOf(
      units.filter(({ learnedAt }) => learnedAt === undefined).map(({ unit }) => ratio(at(last, unit), matrix.before[unit])),
    ),
    mtilTransfer: meanOf(late.map(({ learnedAt, unit }) => meanOf(column(unit).slice(0, learnedAt)))),
    mtilAverage: meanOf(learned.flatMap(({ unit }) => column(unit))),
    mtilLast: meanOf(learned.map(({ unit }) => at(last, unit))),
  };
}

/** Means of the parts of a square matrix (TiC-CLIP): on the diagonal, below it and above it. */
export function partsOfMatrix(matrix: ScoreMatrix): { readonly inDomain: Score; readonly backward: Score; readonly forward: Score } {
  const part = (belongs: (task: number, learnedAt: number) => boolean): Score =>
    meanOf(matrix.after.flatMap((row, task) => row.filter((_, unit) => belongs(task, matrix.units[unit]?.learnedAt ?? Number.NaN))));
  return {
    inDomain: part((task, learnedAt) => task === learnedAt),
    backward: part((task, learnedAt) => task > learnedAt),
    forward: part((task, learnedAt) => task < learnedAt),
  };
}

function minus(a: Score, b: Score): Score {
  return a === undefined || b === undefined ? undefined : a - b;
}

/** Undefined for a baseline of 0, which nothing can be retained of. */
function ratio(a: Score, b: Score): Score {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

function largest(values: readonly Score[]): Score {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
