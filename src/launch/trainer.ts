import { dieWithParent } from "../engine/facts.ts";
import type { Allowed } from "../pipeline/resume-check.ts";
import { resumeRun, startRun } from "../pipeline/run.ts";
import type { RunContext } from "../pipeline/run-context.ts";
import { ObjectStore } from "../runs/objects.ts";
import { RunReader } from "../runs/run-reader.ts";
import { readSpec } from "../runs/spec.ts";
import { RunStore } from "../runs/store.ts";
import { EvergreenError, exitCodes, formatError, formatPlace } from "../util/errors.ts";
import type { FromTrainer, ToTrainer, TrainerFailure, TrainerTask } from "./messages.ts";
import { versions } from "./versions.ts";

// The trainer's process: engine, loop and store. Its thread is blocked for as long as a step takes, so terminal and signals are the supervisor's.

let stopping = false;
/** Resolves when the message is under way: what is still buffered when the channel closes is lost. */
const send = (message: FromTrainer): Promise<void> =>
  new Promise((done) => {
    if (process.connected && process.send) process.send(message, undefined, undefined, () => done());
    else done();
  });

// A terminal sends its signals to the whole group; what they mean is the supervisor's to say.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(process.exitCode ?? exitCodes.stopped));
process.on("message", (message: ToTrainer) => {
  if (message.kind === "stop") stopping = true;
  else void work(message.task);
});
dieWithParent();

async function work(task: TrainerTask): Promise<void> {
  try {
    const exit = await perform(task);
    process.exitCode = exit;
    await send({ kind: "ended", exit });
  } catch (error) {
    const failure = failureOf(error);
    process.exitCode = failure.exit;
    await send({ kind: "failed", failure });
  }
  process.disconnect?.();
}

function perform(task: TrainerTask): Promise<number> {
  const context: RunContext = {
    store: new RunStore(task.root),
    env: process.env,
    versions: versions(),
    ...(task.share ? { objects: new ObjectStore(task.root) } : {}),
    stopRequested: () => stopping,
    onEvent: (event) => void send({ kind: "event", event }),
    onSet: (set, index, of) => void send({ kind: "set", set, index, of }),
    onPreload: (done, total) => void send({ kind: "preload", done, total }),
    onFolder: (folder) => void send({ kind: "folder", folder }),
    onPlan: (plan) =>
      void send({
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
