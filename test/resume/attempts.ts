import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromTrainer, TrainerTask } from "../../src/launch/messages.ts";
import { resumeRun, startRun } from "../../src/pipeline/run.ts";
import type { RunContext } from "../../src/pipeline/run-context.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { ObjectStore } from "../../src/runs/objects.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { readSpec } from "../../src/runs/spec.ts";
import { RunStore } from "../../src/runs/store.ts";
import { project, request, type World } from "./world.ts";

export interface AttemptOptions {
  readonly set?: readonly string[];
  /** Asked after each event whether a stop is to be requested. */
  readonly stopAfter?: (event: RunEvent) => boolean;
  /** Whether tasks and evaluations are shared with the other runs of the world. */
  readonly share?: boolean;
  readonly allow?: readonly ("data" | "code" | "engine" | "config" | "tasks")[];
}

const versions = { evergreen: "test" };
export const folderOf = (world: World, id: string): string => new RunStore(world.root).folderOf(project, id);

/** Begins a run, or goes on with it, in this process. */
export function train(
  world: World,
  id: string,
  options: AttemptOptions = {},
): Promise<{ readonly exit: number; readonly events: readonly RunEvent[] }> {
  const asked = request(world, options.set);
  return attempt(world, options, (context) => startRun(readSpec(asked), asked.cwd, context, id));
}

/** Goes on with a run in this process. */
export function resume(
  world: World,
  id: string,
  options: AttemptOptions = {},
): Promise<{ readonly exit: number; readonly events: readonly RunEvent[] }> {
  return attempt(world, options, (context) => resumeRun(new RunReader(folderOf(world, id)), context, new Set(options.allow)));
}

async function attempt(
  world: World,
  { stopAfter, share }: AttemptOptions,
  work: (context: RunContext) => Promise<number>,
): Promise<{ readonly exit: number; readonly events: readonly RunEvent[] }> {
  const events: RunEvent[] = [];
  let stopping = false;
  const exit = await work({
    store: new RunStore(world.root),
    env: process.env,
    versions,
    ...(share ? { objects: new ObjectStore(world.root) } : {}),
    stopRequested: () => stopping,
    onEvent: (event) => {
      events.push(event);
      stopping ||= stopAfter?.(event) === true;
    },
  });
  return { exit, events };
}

/** How a trainer's process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly messages: readonly FromTrainer[];
  readonly errors: string;
}

export interface Trainer {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

const entry = fileURLToPath(new URL("../../dist/launch/trainer.js", import.meta.url));

/** Starts a trainer in a process of its own, without a supervisor. */
export function startTrainer(
  task: TrainerTask,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly onMessage?: (message: FromTrainer, child: ChildProcess) => void;
  } = {},
): Trainer {
  const child = fork(entry, [], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
    env: { ...process.env, ...options.env },
  });
  const messages: FromTrainer[] = [];
  let errors = "";
  child.on("message", (message: FromTrainer) => {
    messages.push(message);
    options.onMessage?.(message, child);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  // A child that dies at once takes the channel with it.
  child.on("error", () => undefined);
  child.send({ kind: "task", task }, () => undefined);
  return { child, ended: new Promise((done) => child.on("close", (code, signal) => done({ code, signal, messages, errors }))) };
}

/** The task of training the world's run file under an id: begins it, or goes on with it. */
export function trainTask(world: World, id: string, set: readonly string[] = []): TrainerTask {
  return { kind: "train", request: request(world, set), root: world.root, id };
}

export function resumeTask(world: World, id: string, allow: readonly string[] = []): TrainerTask {
  return { kind: "resume", folder: folderOf(world, id), root: world.root, allow };
}
