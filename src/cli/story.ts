import pc from "picocolors";
import type { FromTrainer } from "../launch/messages.ts";
import type { EvaluatedEvent, RunEvent, Scores, StepEvent } from "../runs/event.ts";
import { formatBytes, formatDuration } from "../util/units.ts";

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
  private readonly pace = { ms: 0, dataMs: 0, steps: 0, rows: 0, lastSamples: 0 };
  private lastSaved = "";

  constructor(stage: Stage) {
    this.stage = stage;
    this.began = stage.now();
  }

  hear(message: FromTrainer): void {
    if (message.kind === "folder")
      this.line(`run ${pc.bold(message.folder.split(/[/\\]/).at(-1) ?? "")}   ${shortPath(message.folder)}   Ctrl+C saves and stops`);
    else if (message.kind === "plan") this.tasks = message.tasks;
    else if (message.kind === "set") this.redraw([`${pc.dim("evaluating")} ${message.set} ${message.index + 1}/${message.of}`]);
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
        Object.assign(this.pace, { ms: 0, dataMs: 0, steps: 0, rows: 0 });
        return;
      case "step":
        return this.step(event);
      case "evaluated":
        return this.evaluated(event);
      case "scored":
        return this.scored(event.task, event.scores);
      case "saved":
        this.lastSaved = `last save ${event.checkpoint} (${formatBytes(event.bytes)})`;
        return;
      case "resumed":
        return this.line(
          event.exact
            ? `resume is exact from ${event.from}: config, code, data and engine unchanged`
            : `resumed from ${event.from}; not bit-exact (${event.allowed.join(", ")} differ)`,
        );
      case "stopped":
        return this.line(`saved ${event.checkpoint}`);
      case "warning":
        return this.line(`${pc.yellow("warning")} ${event.code}: ${event.message}`);
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
    const now = this.stage.now();
    if (this.stage.isTerminal ? now - this.lastDrawn < 100 : now - this.lastPlain < 30_000) return;
    const before = this.tasks.slice(0, event.task).reduce((sum, { steps }) => sum + steps, 0);
    const task = this.tasks[event.task];
    const total = this.tasks.reduce((sum, { steps }) => sum + steps, 0);
    const done = event.step - before;
    const perStep = pace.ms / Math.max(1, pace.steps);
    const numbers =
      `loss ${(this.firstLoss ?? 0).toFixed(3)} → ${(event.losses.loss ?? 0).toFixed(3)}  lr ${event.learningRate.toExponential(1)}  ` +
      `${Math.round((pace.rows * 1000) / perStep)} samples/s  data ${((100 * pace.dataMs) / Math.max(1, pace.ms)).toFixed(1)}%`;
    const name = `task ${event.task + 1}/${this.tasks.length}${task?.name ? ` ${task.name}` : ""}`;
    const eta = formatDuration((total - event.step) * perStep);
    if (this.stage.isTerminal) {
      this.lastDrawn = now;
      this.redraw([
        `${pc.dim("stream")} ${bar(event.step / Math.max(1, total))} ${event.step}/${total}  eta ${eta}  ${pc.dim(this.lastSaved)}`,
        `${pc.bold(name)} ${bar(done / Math.max(1, task?.steps ?? 1))} ${done}/${task?.steps ?? "?"}`,
        `  ${numbers}`,
      ]);
    } else {
      this.lastPlain = now;
      this.line(`${name}  step ${done}/${task?.steps ?? "?"}  ${numbers}  eta ${eta}`);
    }
  }

  private readonly row: EvaluatedEvent[] = [];

  private evaluated(event: EvaluatedEvent): void {
    this.row.push(event);
  }

  private scored(task: number, scores: Scores): void {
    const cells = this.row.splice(0).filter(({ role, source }) => role === "eval" || scores.kaSets.includes(source));
    const when =
      task < 0
        ? "before training"
        : `after task ${task + 1}/${this.tasks.length}${this.tasks[task]?.name ? ` (${this.tasks[task]?.name})` : ""}`;
    const shown = cells.map((event) => {
      const value = event.measurements.find(({ metric }) => metric === event.headline)?.value;
      return `${event.source} ${value === undefined ? "–" : (100 * value).toFixed(1)}`;
    });
    this.line(pc.bold(when));
    for (const text of wrap(shown, "   ", this.stage.columns - 4)) this.line(`  ${text}`);
    this.line(
      `  ${pc.bold(`KA ${share(scores.ka)}   ZS ${share(scores.zs)}   GM ${share(scores.gm)}`)}${this.baseline ? `   ${pc.dim(`at the start KA ${share(this.baseline.ka)}, ZS ${share(this.baseline.zs)}`)}` : ""}`,
    );
    this.baseline ??= scores;
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
