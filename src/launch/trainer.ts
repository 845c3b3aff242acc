import { dieWithParent } from "../engine/facts.ts";
import { type Allowed, type RunContext, resumeRun, startRun } from "../pipeline/run.ts";
import { RunReader } from "../runs/run-reader.ts";
import { readSpec } from "../runs/spec.ts";
import { RunStore } from "../runs/store.ts";
import { EvergreenError, exitCodes, formatError, formatPlace } from "../util/errors.ts";
import type { FromTrainer, ToTrainer, TrainerFailure, TrainerTask } from "./messages.ts";
import { versions } from "./versions.ts";

// The trainer's process: engine, loop and store. Its thread is blocked for as long as a step takes, so terminal and signals are the supervisor's.

let stopping = false;
const send = (message: FromTrainer): void => {
  if (process.connected) process.send?.(message);
};

// A terminal sends its signals to the whole group; what they mean is the supervisor's to say.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(exitCodes.stopped));
process.on("message", (message: ToTrainer) => {
  if (message.kind === "stop") stopping = true;
  else void work(message.task);
});
dieWithParent();

async function work(task: TrainerTask): Promise<void> {
  try {
    const exit = await perform(task);
    send({ kind: "ended", exit });
    process.exitCode = exit;
  } catch (error) {
    const failure = failureOf(error);
    send({ kind: "failed", failure });
    process.exitCode = failure.exit;
  }
  process.disconnect?.();
}

function perform(task: TrainerTask): Promise<number> {
  const context: RunContext = {
    store: new RunStore(task.root),
    env: process.env,
    versions: versions(),
    stopRequested: () => stopping,
    onEvent: (event) => send({ kind: "event", event }),
    onSet: (set, index, of) => send({ kind: "set", set, index, of }),
    onFolder: (folder) => send({ kind: "folder", folder }),
    onPlan: (plan) =>
      send({
        kind: "plan",
        tasks: plan.tasks.map(({ name, steps, concepts, samples }) => ({
          ...(name === undefined ? {} : { name }),
          steps,
          concepts: concepts.length,
          samples,
        })),
      }),
  };
  if (task.kind === "resume") return resumeRun(new RunReader(task.folder), context, new Set(task.allow) as Allowed);
  return startRun(readSpec(task.request), task.request.cwd, context, task.id);
}

function failureOf(error: unknown): TrainerFailure {
  const known = error instanceof EvergreenError ? error : undefined;
  return {
    text: formatError(error),
    code: known?.code ?? "EG-1001",
    message: error instanceof Error ? error.message : String(error),
    ...(known?.fix === undefined ? {} : { fix: known.fix }),
    ...(known?.place ? { place: formatPlace(known.place) } : {}),
    exit: known ? exitCodes[known.exit] : exitCodes.internal,
  };
}
