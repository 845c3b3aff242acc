import * as Plot from "@observablehq/plot";
import { flopScale, formatFlops } from "../util/units.ts";
import { type ReportContent, taskName } from "./content.ts";
import { draw, type Figure, short } from "./drawing.ts";
import { score } from "./numbers.ts";
import { ink } from "./palette.ts";
import type { Cell, Column } from "./table.ts";

/** FLOPs as planned, and what was spent of them. */
export interface Spending {
  readonly planned: number;
  readonly spent: number;
}

/** Where the compute of one task goes. */
interface TaskSpending {
  readonly steps: Spending;
  /** What methods do when the task ends; in the first task also what they do as the run starts. */
  readonly beside: Spending;
  /** In the task's midst and after it; never charged. */
  readonly evaluation: Spending;
}

/** Where the compute of a run goes, in FLOPs. */
export interface RunSpending {
  /** The evaluation before the first task. */
  readonly before: Spending;
  readonly tasks: readonly TaskSpending[];
  /** What the run's budget allows, work beside steps too; with the words it is given in. */
  readonly budget: number;
  readonly given: string;
  /** MAFs of a FLOP: memory over that of full fine-tuning. Absent where memory is not charged. */
  readonly multiplier?: number;
}

/** A bar or a part of one, in FLOPs. */
interface Piece {
  readonly column: string;
  readonly from: number;
  readonly to: number;
  readonly part: "steps" | "beside";
}

/** A value above a column. */
interface Mark {
  readonly column: string;
  readonly value: number;
}

const right = { align: "right" } as const;
const colours = { steps: ink("knowledge"), beside: ink("mean") } as const;

/** Where a run's compute went, task on task, against its budget; undefined where its costs are not known. */
export function budgetFigure({ view, spending }: Pick<ReportContent, "view" | "spending">): Figure | undefined {
  if (!spending) return undefined;
  const { before, tasks, budget, given } = spending;
  const columns = ["start", ...tasks.map((_, task) => `${task + 1}`)];
  const planned = runningSums(tasks.map((task) => chargedOf(task).planned));
  const spent = runningSums(tasks.map((task) => chargedOf(task).spent));
  const evaluated = runningSums([before.spent, ...tasks.map(({ evaluation }) => evaluation.spent)]);
  const begun = view.tasks.filter(({ done }) => done > 0).length;
  return {
    id: "budget",
    title: "Where the compute went",
    legend: `${barsLegend(tasks)} Each bar begins where the one before it ended; the short lines are the plan, the dashed line is the budget (${given}). Evaluation is never charged: the dots add it up from the bottom.`,
    reading: readingOf(spending),
    table: {
      columns: [{ title: "task" }, ...spendingColumns],
      rows: [
        ["start", ...spendingCells({ steps: nothing, beside: nothing, evaluation: before })],
        ...tasks.map((task, i) => [taskName(i, view), ...spendingCells(task, { so: spent[i] ?? 0, budget })]),
      ],
    },
    svg: drawSpending("Charged compute of each task, added up, against the plan and the budget. The numbers are in the table.", {
      columns,
      axis: "task",
      pieces: tasks.flatMap((task, i) => piecesOf(task, { column: `${i + 1}`, from: spent[i - 1] ?? 0 })),
      plans: planned.map((value, i) => ({ column: `${i + 1}`, value })),
      limits: columns.map((column) => ({ column, value: budget })),
      evaluations: columns.slice(0, begun + 1).map((column, i) => ({ column, value: evaluated[i] ?? 0 })),
      isCourse: true,
    }),
  };
}

/** The same of several runs, a bar each. */
export function budgetsFigure(runs: readonly { readonly name: string; readonly spending: RunSpending }[]): Figure {
  const wholes = runs.map(({ name, spending }) => ({ name, spending, whole: wholeOf(spending) }));
  const columns = runs.map(({ name }) => name);
  return {
    id: "budget",
    title: "Where the compute of each run went",
    legend: `${barsLegend(wholes.map(({ whole }) => whole))} The short lines are the plans, the dashed ones the budgets. Evaluation is never charged: the dots tell it.`,
    reading: wholes.map(({ name, spending }) => `${name}: ${readingOf(spending)}`).join(" "),
    table: {
      columns: [{ title: "run" }, { title: "budget" }, ...spendingColumns],
      rows: wholes.map(({ name, spending, whole }) => [
        name,
        spending.given,
        ...spendingCells(whole, { so: chargedOf(whole).spent, budget: spending.budget }),
      ]),
    },
    svg: drawSpending("Charged compute of each run against its plan and its budget. The numbers are in the table.", {
      columns,
      axis: "run",
      pieces: wholes.flatMap(({ name, whole }) => piecesOf(whole, { column: name, from: 0 })),
      plans: wholes.map(({ name, whole }) => ({ column: name, value: chargedOf(whole).planned })),
      limits: runs.map(({ name, spending }) => ({ column: name, value: spending.budget })),
      evaluations: wholes.map(({ name, whole }) => ({ column: name, value: whole.evaluation.spent })),
      isCourse: false,
    }),
  };
}

const nothing: Spending = { planned: 0, spent: 0 };

const plus = (a: Spending, b: Spending): Spending => ({ planned: a.planned + b.planned, spent: a.spent + b.spent });

/** What counts against the budget. */
const chargedOf = ({ steps, beside }: TaskSpending): Spending => plus(steps, beside);

/** All tasks as one, with the evaluation before them. */
function wholeOf({ before, tasks }: RunSpending): TaskSpending {
  const sum = (part: keyof TaskSpending): Spending => tasks.map((task) => task[part]).reduce(plus, nothing);
  return { steps: sum("steps"), beside: sum("beside"), evaluation: plus(before, sum("evaluation")) };
}

function runningSums(values: readonly number[]): readonly number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

const spendingColumns: readonly Column[] = [
  { title: "steps, planned", ...right },
  { title: "steps, spent", ...right },
  { title: "beside steps, planned", ...right },
  { title: "beside steps, spent", ...right },
  { title: "evaluation, planned", ...right },
  { title: "evaluation, spent", ...right },
  { title: "charged so far", ...right },
  { title: "of the budget, %", ...right },
];

function spendingCells(
  { steps, beside, evaluation }: TaskSpending,
  charged?: { readonly so: number; readonly budget: number },
): readonly Cell[] {
  const cells = ({ planned, spent }: Spending): readonly Cell[] =>
    planned === 0 && spent === 0 ? [undefined, undefined] : [formatFlops(planned), formatFlops(spent)];
  const so = charged ? [formatFlops(charged.so), score(charged.so / charged.budget)] : [undefined, undefined];
  return [...cells(steps), ...cells(beside), ...cells(evaluation), ...so];
}

function barsLegend(tasks: readonly TaskSpending[]): string {
  const others = tasks.some(({ beside }) => beside.planned > 0)
    ? "; the upper part of a bar is what methods did beside steps, as the run began and when tasks ended"
    : "";
  return `FLOPs that count against the budget, as the run's journal has them${others}. What was lost in a crash and done again counts once, what was taken from another run as if it had been done.`;
}

/** What the numbers say of one run. */
function readingOf(run: RunSpending): string {
  const { before, tasks, budget, multiplier } = run;
  const whole = wholeOf(run);
  const { planned, spent } = chargedOf(whole);
  if (spent === 0) return `Nothing of a budget of ${formatFlops(budget)} is spent; the plan is ${formatFlops(planned)}.`;
  const others = whole.beside.spent > 0 ? `, ${score(whole.beside.spent / spent)} % of it beside steps` : "";
  const left = spent < planned ? `the plan's other ${formatFlops(planned - spent)} are not spent` : "as planned";
  const memory =
    multiplier === undefined ? "" : `; with memory × ${Number(multiplier.toFixed(4))} that is ${formatFlops(spent * multiplier, "MAF")}`;
  const evaluation = before.spent + tasks.reduce((sum, task) => sum + task.evaluation.spent, 0);
  const beside =
    evaluation === 0
      ? "Nothing was evaluated."
      : `Evaluation took ${formatFlops(evaluation)} beside it, ${score(evaluation / spent)} % of that.`;
  return `${formatFlops(spent)} of the budget's ${formatFlops(budget)} are spent (${score(spent / budget)} %)${others}, ${left}${memory}. ${beside}`;
}

/** The bar of what is charged, from where the one before it ended. */
function piecesOf(task: TaskSpending, { column, from }: Pick<Piece, "column" | "from">): readonly Piece[] {
  const middle = from + task.steps.spent;
  const pieces: readonly Piece[] = [
    { column, from, to: middle, part: "steps" },
    { column, from: middle, to: from + chargedOf(task).spent, part: "beside" },
  ];
  return pieces.filter(({ from: low, to }) => to > low);
}

interface Drawn {
  readonly columns: readonly string[];
  readonly axis: string;
  readonly pieces: readonly Piece[];
  readonly plans: readonly Mark[];
  readonly limits: readonly Mark[];
  readonly evaluations: readonly Mark[];
  /** Dots of one course are joined. */
  readonly isCourse: boolean;
}

function drawSpending(label: string, { columns, axis, pieces, plans, limits, evaluations, isCourse }: Drawn): string {
  const most = Math.max(...pieces.map(({ to }) => to), ...[...plans, ...evaluations, ...limits].map(({ value }) => value));
  const { divisor, prefix } = flopScale(most);
  const at = ({ value }: Mark): number => value / divisor;
  const every = Math.ceil(columns.length / 24);
  const last = columns.at(-1) ?? "";
  return draw(label, {
    width: 720,
    height: 320,
    marginLeft: 60,
    marginRight: 84,
    marginBottom: 44,
    x: { type: "band", domain: columns, padding: isCourse ? 0.15 : 0.5, label: axis },
    y: { domain: [0, (1.06 * most) / divisor] },
    marks: [
      Plot.gridY({ stroke: ink("line"), strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({
        fill: ink("quiet"),
        stroke: ink("line"),
        label: axis,
        tickFormat: (column: string, i: number) =>
          i % every === 0 || column === last ? short(column, Math.max(5, 90 / columns.length)) : "",
      }),
      Plot.axisY({ fill: ink("quiet"), stroke: ink("line"), tickSize: 0, ticks: 5, label: `↑ ${prefix}FLOP` }),
      Plot.rect(pieces, {
        x: "column",
        y1: ({ from }: Piece) => from / divisor,
        y2: ({ to }: Piece) => to / divisor,
        fill: ({ part }: Piece) => colours[part],
      }),
      Plot.tickY(plans, { x: "column", y: at, stroke: ink("ink"), strokeWidth: 1.5 }),
      ...(isCourse
        ? [Plot.ruleY(limits.slice(-1), { y: at, stroke: ink("ink"), strokeDasharray: "6 4" })]
        : [Plot.tickY(limits, { x: "column", y: at, stroke: ink("ink"), strokeDasharray: "6 4", inset: -8 })]),
      ...(isCourse ? [Plot.line(evaluations, { x: "column", y: at, stroke: ink("zero-shot"), strokeWidth: 1.5 })] : []),
      Plot.dot(evaluations, { x: "column", y: at, r: 4, fill: ink("zero-shot"), stroke: ink("paper") }),
      ...[
        ...limits.slice(-1).map(({ value }) => ({ text: "budget", value, colour: ink("ink") })),
        ...(isCourse ? evaluations : []).slice(-1).map(({ value }) => ({ text: "evaluation", value, colour: ink("zero-shot") })),
      ].map(({ text, value, colour }) =>
        Plot.text([value / divisor], {
          ...{ y: (each: number) => each, text: () => text, fill: colour },
          ...{ frameAnchor: "right", textAnchor: "start", dx: 8, fontWeight: 600 },
        }),
      ),
    ],
  });
}
