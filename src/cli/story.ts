import type { FromTrainer } from "../launch/messages.ts";
import type { EvaluatedEvent, RunEvent, Scores, StepEvent } from "../runs/event.ts";
import { formatBytes, formatDuration } from "../util/units.ts";
import { coloursOf } from "./output.ts";

const pc = coloursOf(process.stderr);

/** Where a story is told. */
export interface Stage {
  readonly write: (text: string) => void;
  /** Lines may be redrawn. */
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly now: () => number;
}

interface TaskPlan {
  readonly name?: string;
  readonly steps: number;
}

/** Tells a run on a terminal: one line for the stream, one for the task, one for the step; where lines cannot be redrawn, a line every half minute. */
export class Story {
  private readonly stage: Stage;
  private tasks: readonly TaskPlan[] = [];
  private began: number;
  private drawn = 0;
  private lastPlain = Number.NEGATIVE_INFINITY;
  private lastDrawn = Number.NEGATIVE_INFINITY;
  private firstLoss: number | undefined;
  private baseline: Scores | undefined;
  private readonly pace = { ms: 0, dataMs: 0, steps: 0, rows: 0, loss: 0 };
  private lastSaved = "";
  private readonly row: EvaluatedEvent[] = [];
  /** How long the latest evaluation took. */
  private evaluationMs = 0;

  constructor(stage: Stage) {
    this.stage = stage;
    this.began = stage.now();
  }

  hear(message: FromTrainer): void {
    if (message.kind === "folder")
      this.line(`run ${pc.bold(message.folder.split(/[/\\]/).at(-1) ?? "")}   ${shortPath(message.folder)}   Ctrl+C saves and stops`);
    else if (message.kind === "plan") this.tasks = message.tasks;
    else if (message.kind === "set") this.redraw([`${pc.dim("evaluating")} ${message.set} ${message.index + 1}/${message.of}`]);
    else if (message.kind === "preload")
      this.redraw([`${pc.dim("preloading")} ${formatBytes(message.done)} of ${formatBytes(message.total)}`]);
    else if (message.kind === "event") this.event(message.event);
  }

  /** A line that stays. */
  line(text: string): void {
    this.clear();
    this.stage.write(`${text}\n`);
  }

  private event(event: RunEvent): void {
    switch (event.type) {
      case "task-started":
        this.firstLoss = undefined;
        this.lastPlain = this.stage.now();
        Object.assign(this.pace, { ms: 0, dataMs: 0, steps: 0, rows: 0 });
        return;
      case "step":
        this.step(event);
        return;
      case "task-ended":
        this.line(`${pc.bold(this.nameOf(event.task))}  ${this.pace.steps} steps  ${this.numbers()}`);
        return;
      case "evaluated":
        this.row.push(event);
        return;
      case "scored":
        if (event.state === "inside") this.inside(event.task, event.scores);
        else this.scored(event.task, event.scores);
        return;
      case "saved":
        this.lastSaved = `last save ${event.checkpoint} (${formatBytes(event.bytes)})`;
        return;
      case "resumed":
        this.line(
          event.exact
            ? `resume is exact from ${event.from}: config, code, data and engine unchanged`
            : `resumed from ${event.from}; not bit-exact (${event.allowed.join(", ")} differ)`,
        );
        return;
      case "stopped":
        this.line(`saved ${event.checkpoint}`);
        return;
      case "warning":
        this.line(`${pc.yellow("warning")} ${event.code}: ${event.message}`);
        return;
      default:
        this.clear();
    }
  }

  private step(event: StepEvent): void {
    const { pace } = this;
    this.firstLoss ??= event.losses.loss;
    pace.steps += 1;
    pace.ms += event.timing?.batchMs ?? 0;
    pace.dataMs += event.timing?.dataMs ?? 0;
    pace.rows = event.samples / event.step;
    pace.loss = event.losses.loss ?? 0;
    const now = this.stage.now();
    if (this.stage.isTerminal ? now - this.lastDrawn < 100 : now - this.lastPlain < 30_000) return;
    const before = this.tasks.slice(0, event.task).reduce((sum, { steps }) => sum + steps, 0);
    const steps = this.tasks[event.task]?.steps;
    const total = this.tasks.reduce((sum, task) => sum + task.steps, 0);
    const done = event.step - before;
    const numbers = `${this.numbers()}  lr ${event.learningRate.toExponential(1)}`;
    const name = this.nameOf(event.task);
    const left = (total - event.step) * (pace.ms / pace.steps) + (this.tasks.length - event.task) * this.evaluationMs;
    const eta = formatDuration(left);
    if (this.stage.isTerminal) {
      this.lastDrawn = now;
      this.redraw([
        `${pc.dim("stream")} ${bar(event.step / Math.max(1, total))} ${event.step}/${total}  eta ${eta}  ${pc.dim(this.lastSaved)}`,
        `${pc.bold(name)} ${bar(done / Math.max(1, steps ?? 1))} ${done}/${steps ?? "?"}`,
        `  ${numbers}`,
      ]);
    } else {
      this.lastPlain = now;
      this.line(`${name}  step ${done}/${steps ?? "?"}  ${numbers}  eta ${eta}`);
    }
  }

  /** Of the task so far: loss of its first and latest step, rate, share of the time spent waiting for data. */
  private numbers(): string {
    const { ms, dataMs, steps, rows, loss } = this.pace;
    const rate = ms > 0 ? Math.round((1000 * rows * steps) / ms) : 0;
    return `loss ${(this.firstLoss ?? 0).toFixed(3)} → ${loss.toFixed(3)}  ${rate} samples/s  data ${((100 * dataMs) / Math.max(1, ms)).toFixed(1)}%`;
  }

  private nameOf(task: number): string {
    const name = this.tasks[task]?.name;
    return `task ${task + 1}/${this.tasks.length}${name ? ` ${name}` : ""}`;
  }

  private scored(task: number, scores: Scores): void {
    const events = this.row.splice(0);
    this.evaluationMs = events.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
    const since = this.baseline;
    this.line(
      `${pc.bold(task < 0 ? "before training" : `after ${this.nameOf(task)}`)}${since ? pc.dim("   (change since the start)") : ""}`,
    );
    const groups = [
      ["stream  ", scores.kaSets],
      ["held out", scores.zsSets],
    ] as const;
    for (const [title, sets] of groups) {
      const shown = events.filter(({ source }) => sets.includes(source)).map(cell);
      wrap(shown, "   ", this.stage.columns - 14).forEach((text, i) => {
        this.line(`  ${i === 0 ? pc.dim(title) : "        "}  ${text}`);
      });
    }
    const entry = (name: "ka" | "zs" | "gm"): string =>
      `${name.toUpperCase()} ${share(scores[name])}${change(since?.[name], scores[name])}`;
    this.line(`  ${pc.bold(`${entry("ka")}   ${entry("zs")}   ${entry("gm")}`)}`);
    this.baseline ??= scores;
  }

  /** An evaluation in the midst of a task is one line. */
  private inside(task: number, scores: Scores): void {
    this.row.splice(0);
    const entry = (name: "ka" | "zs"): string =>
      `${name.toUpperCase()} ${share(scores[name])}${change(this.baseline?.[name], scores[name])}`;
    this.line(`${pc.dim(`inside ${this.nameOf(task)}, step ${this.pace.steps}`)}  ${entry("ka")}   ${entry("zs")}`);
  }

  private redraw(lines: readonly string[]): void {
    if (!this.stage.isTerminal) return;
    this.clear();
    for (const text of lines) this.stage.write(`${text}\n`);
    this.drawn = lines.length;
  }

  private clear(): void {
    if (this.drawn > 0) this.stage.write(`\x1b[${this.drawn}A\x1b[0J`);
    this.drawn = 0;
  }

  /** How long the story has been going on. */
  elapsedMs(): number {
    return this.stage.now() - this.began;
  }
}

/** `emoji-2018 13.8`: a set and its headline in per cent. */
function cell({ source, measurements, headline }: EvaluatedEvent): string {
  const value = measurements.find(({ metric }) => metric === headline)?.value;
  return `${source} ${value === undefined ? "–" : (100 * value).toFixed(1)}`;
}

/** ` (+2.7)`: what a score gained since `before`; nothing where either was not measured. */
function change(before: Scores["ka"], after: Scores["ka"]): string {
  if (!before || !after) return "";
  const points = 100 * (after.value - before.value);
  return ` (${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)})`;
}

const share = (measurement: Scores["ka"]): string => {
  if (!measurement) return "–";
  const { value, interval } = measurement;
  return interval ? `${(100 * value).toFixed(1)} ± ${(50 * (interval[1] - interval[0])).toFixed(1)}` : (100 * value).toFixed(1);
};

function bar(part: number): string {
  const cells = 24;
  const full = Math.max(0, Math.min(cells, Math.round(part * cells)));
  return `▕${"█".repeat(full)}${" ".repeat(cells - full)}▏`;
}

function wrap(parts: readonly string[], gap: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + gap.length + part.length <= Math.max(20, width)) lines[lines.length - 1] = last + gap + part;
    else lines.push(part);
  }
  return lines;
}

/** Relative to the current folder where that is shorter. */
function shortPath(path: string): string {
  const here = `${process.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}
