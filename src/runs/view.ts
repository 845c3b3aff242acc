import type { CheckpointKind, EvaluatedEvent, Scores, StepEvent, StoredEvent, WeightsState } from "./event.ts";
import type { Measurement } from "./measurement.ts";
import type { PlannedTask } from "./plan.ts";

/** A point of a curve: step of the run and value. */
export type CurvePoint = readonly [step: number, value: number];

interface TaskView {
  readonly index: number;
  readonly name?: string;
  /** Steps planned and done. */
  readonly steps: number;
  readonly done: number;
  readonly state: "waiting" | "running" | "done";
}

/** One set's result in one row of the matrix. */
interface CellView {
  /** The metric that enters KA or ZS. */
  readonly headline: Measurement;
  readonly measurements: readonly Measurement[];
}

/** One evaluation: a row of the task x set matrix. */
export interface EvaluationView {
  /** -1 before the first task. */
  readonly task: number;
  readonly step: number;
  readonly state: WeightsState;
  readonly cells: Readonly<Record<string, CellView>>;
  readonly scores?: Scores;
}

export interface SetView {
  readonly name: string;
  readonly role: EvaluatedEvent["role"];
  readonly metric: string;
}

interface SaveView {
  readonly t: number;
  readonly task: number;
  readonly step: number;
  readonly kind: CheckpointKind;
  readonly checkpoint: string;
  readonly bytes: number;
}

/** Something worth a line beside the curves. */
interface NoteView {
  readonly t: number;
  readonly kind: "warning" | "signal" | "resumed" | "failed";
  readonly text: string;
  readonly code?: string;
}

type ViewState = "new" | "running" | "evaluating" | "stopping" | "stopped" | "done" | "failed";

/** A run as people look at it. Plain JSON; the same in the terminal, a report and a browser. */
export interface RunView {
  readonly state: ViewState;
  /** Hash of the plan. */
  readonly plan?: string;
  readonly tasks: readonly TaskView[];
  readonly step: number;
  readonly steps: number;
  readonly samples: number;
  /** By name: `loss`, other loss terms, `lr`, `logit_scale`, `grad_norm`. */
  readonly curves: Readonly<Record<string, readonly CurvePoint[]>>;
  readonly sets: readonly SetView[];
  readonly evaluations: readonly EvaluationView[];
  readonly saves: readonly SaveView[];
  readonly notes: readonly NoteView[];
  /** Of the latest steps: rows a second, share of the time spent waiting for data. */
  readonly speed?: { readonly samplesPerSecond: number; readonly dataShare: number };
  readonly startedT?: number;
  readonly lastT?: number;
}

/** What a view takes from a plan. */
export interface ViewPlan {
  readonly hash: string;
  readonly tasks: readonly Pick<PlannedTask, "index" | "name" | "steps">[];
}

/** The view of a run that has told nothing yet. */
export function emptyView(plan?: ViewPlan): RunView {
  const tasks = (plan?.tasks ?? []).map(
    ({ index, name, steps }): TaskView => ({ index, ...(name ? { name } : {}), steps, done: 0, state: "waiting" }),
  );
  const steps = tasks.reduce((sum, task) => sum + task.steps, 0);
  const nothing = { curves: {}, sets: [], evaluations: [], saves: [], notes: [] };
  return { state: "new", ...(plan ? { plan: plan.hash } : {}), tasks, step: 0, steps, samples: 0, ...nothing };
}

/** The view after more events. Pure: the same events give the same view, in one piece or in many. */
export function foldEvents(view: RunView, events: readonly StoredEvent[]): RunView {
  const draft = new Draft(view);
  for (const event of events) draft.take(event);
  return draft.view();
}

/** The view of all events of a run. */
export function viewOf(events: readonly StoredEvent[], plan?: ViewPlan): RunView {
  return foldEvents(emptyView(plan), events);
}

/** Latest scores of the weights of a state, if they were computed. */
export function latestScores(view: RunView, state: WeightsState): Scores | undefined {
  return view.evaluations.findLast((evaluation) => evaluation.state === state && evaluation.scores)?.scores;
}

/** Weight of a new step in the running means of speed. */
const fresh = 0.1;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Copies of what changes, made once for many events. */
class Draft {
  private readonly next: Mutable<RunView>;
  private readonly tasks: TaskView[];
  private readonly curves = new Map<string, CurvePoint[]>();
  private readonly sets: SetView[];
  private readonly evaluations: EvaluationView[];
  private readonly saves: SaveView[];
  private readonly notes: NoteView[];

  constructor(view: RunView) {
    this.next = { ...view };
    this.tasks = [...view.tasks];
    this.sets = [...view.sets];
    this.evaluations = [...view.evaluations];
    this.saves = [...view.saves];
    this.notes = [...view.notes];
  }

  view(): RunView {
    const { tasks, sets, evaluations, saves, notes } = this;
    const curves = { ...this.next.curves, ...Object.fromEntries(this.curves) };
    const steps = tasks.reduce((sum, task) => sum + task.steps, 0);
    return { ...this.next, steps, tasks, curves, sets, evaluations, saves, notes };
  }

  take(event: StoredEvent): void {
    this.next.startedT ??= event.t;
    this.next.lastT = event.t;
    switch (event.type) {
      case "started":
        this.next.plan = event.plan;
        this.next.state = "running";
        return;
      case "task-started":
        this.task(event.task, { steps: event.steps, state: "running", ...(event.name ? { name: event.name } : {}) });
        this.next.state = "running";
        return;
      case "step":
        this.step(event);
        return;
      case "task-ended":
        this.task(event.task, { state: "done" });
        return;
      case "evaluating":
        this.next.state = "evaluating";
        return;
      case "evaluated":
        this.evaluated(event);
        return;
      case "scored":
        this.row(event, { scores: event.scores });
        return;
      default:
        this.note(event);
    }
  }

  private note(
    event: Exclude<
      StoredEvent,
      { readonly type: "started" | "task-started" | "step" | "task-ended" | "evaluating" | "evaluated" | "scored" }
    >,
  ): void {
    const { t } = event;
    switch (event.type) {
      case "saved":
        this.saves.push({ t, task: event.task, step: event.step, kind: event.kind, checkpoint: event.checkpoint, bytes: event.bytes });
        return;
      case "resumed":
        this.cutBack(event.step);
        this.next.state = "running";
        this.notes.push({ t, kind: "resumed", text: `resumed from ${event.from}${event.exact ? "" : ", not bit-exact"}` });
        return;
      case "shared":
      case "lineage":
        return;
      case "signal":
        this.next.state = "stopping";
        this.notes.push({ t, kind: "signal", text: event.signal });
        return;
      case "warning":
        this.notes.push({ t, kind: "warning", text: event.message, code: event.code });
        return;
      case "stopped":
        this.next.state = "stopped";
        return;
      case "finished":
        this.next.state = "done";
        return;
      case "failed":
        this.next.state = "failed";
        this.notes.push({ t, kind: "failed", text: event.message, code: event.code });
        return;
      default:
        event satisfies never;
    }
  }

  private step(event: StepEvent): void {
    this.next.step = event.step;
    const rows = event.samples - this.next.samples;
    this.next.samples = event.samples;
    const before = this.tasks.slice(0, event.task).reduce((sum, task) => sum + task.steps, 0);
    this.task(event.task, { done: event.step - before });
    const values = { ...event.losses, lr: event.learningRate, logit_scale: event.logitScale, grad_norm: event.gradientNorm };
    for (const [name, value] of Object.entries(values)) if (value !== undefined) this.curve(name).push([event.step, value]);
    if (event.timing && event.timing.batchMs > 0) this.speed(rows, event.timing);
  }

  private speed(rows: number, { batchMs, dataMs }: NonNullable<StepEvent["timing"]>): void {
    const now = { samplesPerSecond: (rows * 1000) / batchMs, dataShare: dataMs / batchMs };
    const old = this.next.speed;
    const mixed = (a: number, b: number): number => a + fresh * (b - a);
    this.next.speed = old
      ? { samplesPerSecond: mixed(old.samplesPerSecond, now.samplesPerSecond), dataShare: mixed(old.dataShare, now.dataShare) }
      : now;
  }

  private evaluated(event: EvaluatedEvent): void {
    const headline = event.measurements.find(({ metric }) => metric === event.headline);
    if (!headline) return;
    const { source, role, measurements } = event;
    if (!this.sets.some(({ name }) => name === source)) this.sets.push({ name: source, role, metric: event.headline });
    this.row(event, { cells: { [source]: { headline, measurements } } });
  }

  /** The row of an evaluation with more in it; a set that is scored again takes its own place. */
  private row(
    { task, step, state }: Pick<EvaluationView, "task" | "step" | "state">,
    more: Partial<Pick<EvaluationView, "cells" | "scores">>,
  ): void {
    const at = this.evaluations.findIndex((row) => row.task === task && row.state === state && row.step === step);
    const old: EvaluationView = this.evaluations[at] ?? { task, step, state, cells: {} };
    const row = { ...old, ...more, cells: { ...old.cells, ...more.cells } };
    if (at < 0) this.evaluations.push(row);
    else this.evaluations[at] = row;
  }

  private task(index: number, change: Partial<TaskView>): void {
    for (let i = this.tasks.length; i <= index; i++) this.tasks.push({ index: i, steps: 0, done: 0, state: "waiting" });
    const old = this.tasks[index];
    if (old) this.tasks[index] = { ...old, ...change };
  }

  private curve(name: string): CurvePoint[] {
    const known = this.curves.get(name);
    if (known) return known;
    const copy = [...(this.next.curves[name] ?? [])];
    this.curves.set(name, copy);
    return copy;
  }

  /** What was told of later steps is told anew. */
  private cutBack(step: number): void {
    for (const name of new Set([...Object.keys(this.next.curves), ...this.curves.keys()])) {
      const kept = this.curve(name).filter(([at]) => at <= step);
      this.curves.set(name, kept);
    }
    this.next.step = Math.min(this.next.step, step);
  }
}
