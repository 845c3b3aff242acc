import type { Progress, ProgressEvent } from "../data/mini-flux/progress.ts";
import { formatBytes, formatDuration } from "../util/units.ts";

/** Where progress is shown. */
export interface ProgressStage {
  readonly write: (text: string) => void;
  /** A line may be redrawn. */
  readonly isTerminal: boolean;
  readonly now: () => number;
}

/** The terminal's own stage, on stderr. */
export const terminalStage = (): ProgressStage => ({
  write: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY === true && process.env.TERM !== "dumb",
  now: () => performance.now(),
});

/** One line of work that is redrawn as it goes; where lines cannot be redrawn, one at each change of label and one every half minute. */
export class ProgressLine {
  private readonly stage: ProgressStage;
  private label = "";
  private began = 0;
  private shownAt = Number.NEGATIVE_INFINITY;
  private open = false;

  constructor(stage: ProgressStage) {
    this.stage = stage;
  }

  show(
    label: string,
    at: { readonly done: number; readonly total: number; readonly bytes?: number | undefined; readonly unit?: string },
  ): void {
    const { stage } = this;
    const now = stage.now();
    const changed = label !== this.label;
    if (changed) {
      this.end();
      this.label = label;
      this.began = now;
    }
    const complete = at.done >= at.total;
    if (!changed && !complete && now - this.shownAt < (stage.isTerminal ? 100 : 30_000)) return;
    this.shownAt = now;
    const text = `${label}${numbers(at, now - this.began)}`;
    stage.write(stage.isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    this.open = stage.isTerminal;
  }

  /** Leaves the last state standing. */
  end(): void {
    if (this.open) this.stage.write("\n");
    this.open = false;
  }
}

function numbers(
  at: { readonly done: number; readonly total: number; readonly bytes?: number | undefined; readonly unit?: string },
  elapsedMs: number,
): string {
  if (at.total <= 1) return "";
  const count = (value: number): string => value.toLocaleString("en");
  const rate = elapsedMs > 200 && at.done > 0 ? Math.round((1000 * at.done) / elapsedMs) : 0;
  const left = at.done > 0 && at.done < at.total && elapsedMs > 1000 ? ((at.total - at.done) * elapsedMs) / at.done : undefined;
  return [
    `  ${count(at.done)}/${count(at.total)}${at.unit ? ` ${at.unit}` : ""}`,
    ...(at.bytes === undefined ? [] : [formatBytes(at.bytes)]),
    ...(rate > 0 && at.total > 50 ? [`${count(rate)}/s`] : []),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
  ].join("  ");
}

const phases: Readonly<Record<ProgressEvent["phase"], string>> = {
  wait: "mini-flux  waiting for the process that makes it",
  fetch: "mini-flux  fetching drawings from npm (about 60 MB)",
  plan: "mini-flux  reading the drawings",
  render: "mini-flux  drawing",
  write: "mini-flux  writing",
};
const units: Readonly<Partial<Record<ProgressEvent["phase"], string>>> = { fetch: "packages", render: "pictures", write: "sets" };

/** Shows the making of mini-flux on a line. */
export function miniFluxProgress(line: ProgressLine): Progress {
  return ({ phase, ...at }) => {
    const unit = units[phase];
    line.show(phases[phase], { ...at, ...(unit === undefined ? {} : { unit }) });
  };
}
