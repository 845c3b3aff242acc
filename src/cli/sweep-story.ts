import type { FromTrainer } from "../launch/messages.ts";
import type { PreparedTrial, SweepAudience, TrialOutcome } from "../launch/sweep.ts";
import { percent } from "../report/table.ts";
import { formatDuration } from "../util/units.ts";
import { aside, coloursOf } from "./output.ts";

/** Tells a sweep on stderr: a line for every trial that ends, and on a terminal one that shows what runs. */
export function sweepStory(count: number, silent: boolean): SweepAudience {
  const redraws = process.stderr.isTTY === true && process.env.TERM !== "dumb" && !silent;
  const colours = coloursOf(process.stderr);
  const tell = outcomeTeller();
  const running = new Map<string, { readonly began: number; step: number; steps: number }>();
  const clear = (): void => {
    if (redraws) process.stderr.write("\r\x1b[K");
  };
  const draw = (): void => {
    if (!redraws) return;
    const parts = [...running].map(([id, { step, steps }]) => `${id} ${step}/${steps || "?"}`);
    process.stderr.write(`\r\x1b[K${colours.dim(parts.join("   ").slice(0, (process.stderr.columns ?? 80) - 1))}`);
  };
  return {
    began: ({ trial }: PreparedTrial) => {
      running.set(trial.id, { began: performance.now(), step: 0, steps: 0 });
      draw();
    },
    heard: ({ trial }: PreparedTrial, message: FromTrainer) => {
      const state = running.get(trial.id);
      if (!state) return;
      if (message.kind === "plan") state.steps = message.tasks.reduce((sum, { steps }) => sum + steps, 0);
      if (message.kind === "event" && message.event.type === "step") state.step = message.event.step;
      draw();
    },
    stopping: (signal: string) => {
      clear();
      aside(`${signal}: stopping after this step, then saving … once more ends it at once`);
    },
    aside: (text: string) => {
      clear();
      aside(text.trimEnd());
    },
    ended: ({ trial }: PreparedTrial, outcome: TrialOutcome, index: number) => {
      const took = formatDuration(performance.now() - (running.get(trial.id)?.began ?? performance.now()));
      running.delete(trial.id);
      if (silent) return;
      clear();
      aside(`${String(index + 1).padStart(String(count).length)}/${count}  ${trial.id}  ${tell(trial.id, outcome, took)}`);
      draw();
    },
  };
}

/** What a line says of a trial's end. A reason to fail that was told before is not told again: the line names the trial that failed for it first. */
export function outcomeTeller(): (trial: string, outcome: TrialOutcome, took: string) => string {
  const firstOf = new Map<string, string>();
  return (trial, outcome, took) => {
    if (outcome.state === "stopped") return "stopped; the same command goes on";
    if (outcome.state === "done") {
      const last = outcome.result.evaluations.at(-1);
      return `KA ${percent(last?.ka?.value) ?? "–"}  ZS ${percent(last?.zs?.value) ?? "–"}  ${took}`;
    }
    const first = firstOf.get(outcome.reason);
    if (first === undefined) firstOf.set(outcome.reason, trial);
    return `failed after ${took}: ${first === undefined ? outcome.reason : `the same reason as ${first}`}`;
  };
}
