import { type ChildProcess, fork } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { exitCodes } from "../util/errors.ts";
import type { FromTrainer, ToTrainer, TrainerFailure, TrainerTask } from "./messages.ts";

/** What a supervised run tells the terminal. */
export interface Audience {
  hear(message: FromTrainer): void;
  /** The first signal: the trainer was asked to save. */
  stopping(signal: string): void;
  /** Lines that something in the trainer wrote past our own reporting. */
  aside(text: string): void;
}

export interface Supervised {
  readonly exit: number;
  readonly failure?: TrainerFailure;
}

/** Entry of the trainer's process: of this build, or the built one when running from source. */
function trainerEntry(): string {
  const here = new URL(import.meta.url);
  return fileURLToPath(here.pathname.endsWith(".ts") ? new URL("../../dist/launch/trainer.js", here) : new URL("./trainer.js", here));
}

/**
 * Runs a trainer in a process of its own and answers signals at once: the first SIGINT or SIGTERM asks it to finish the step and save (exit 75), the
 * second kills it (130 or 143).
 */
export function supervise(task: TrainerTask, audience: Audience): Promise<Supervised> {
  const child = fork(trainerEntry(), [], { stdio: ["ignore", "pipe", "pipe", "ipc"], serialization: "advanced" });
  const state: Course = {};
  child.on("message", (message: FromTrainer) => {
    if (message.kind === "failed") state.failure = message.failure;
    if (message.kind === "ended") state.exit = message.exit;
    audience.hear(message);
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => audience.aside(text));
  const remove = answerSignals(child, state, audience);
  send(child, { kind: "task", task });
  const exited = new Promise<readonly [number | null, NodeJS.Signals | null]>((done) => {
    child.on("exit", (code, signal) => done([code, signal]));
  });
  // The channel ends after its last message, which an exit may overtake.
  const heard = new Promise<void>((done) => child.on("disconnect", done));
  return Promise.all([exited, heard]).then(([[code, signal]]) => {
    remove();
    if (state.killedBy) return { exit: 128 + constants.signals[state.killedBy] };
    if (state.failure) return { exit: state.failure.exit, failure: state.failure };
    if (state.exit !== undefined) return { exit: state.exit };
    const failure = died(code, signal);
    return { exit: failure.exit, failure };
  });
}

/** What was heard of a trainer so far. */
interface Course {
  failure?: TrainerFailure;
  exit?: number;
  signal?: NodeJS.Signals;
  killedBy?: NodeJS.Signals;
}

function answerSignals(child: ChildProcess, state: Course, audience: Audience): () => void {
  const answer = (signal: NodeJS.Signals): void => {
    if (state.signal) {
      state.killedBy = signal;
      child.kill("SIGKILL");
      return;
    }
    state.signal = signal;
    audience.stopping(signal);
    send(child, { kind: "stop" });
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, answer);
  return () => {
    for (const signal of signals) process.off(signal, answer);
  };
}

function send(child: ChildProcess, message: ToTrainer): void {
  // What a dead trainer does not hear, its exit tells.
  if (child.connected) child.send(message, () => undefined);
}

/** A trainer that was killed from outside, by the kernel for want of memory perhaps. */
function died(code: number | null, signal: NodeJS.Signals | null): TrainerFailure {
  const message = `the trainer died (${signal ?? `exit ${code}`})`;
  const fix =
    signal === "SIGKILL"
      ? "it may have been killed for want of memory; resume the run: its last checkpoint is complete"
      : "resume the run: its last checkpoint is complete";
  return {
    text: `error[EG-1003]: ${message}\n  fix: ${fix}`,
    code: "EG-1003",
    message,
    fix,
    exit: signal === "SIGKILL" ? exitCodes.resources : exitCodes.internal,
  };
}
