/** What an armed failpoint does: throw a plain error, throw a system error, kill the process, or write half and kill it. */
const actions = ["crash", "ENOSPC", "EIO", "EACCES", "EPERM", "kill", "torn"] as const;
type Action = (typeof actions)[number];

interface Armed {
  readonly name: string;
  readonly action: Action;
  /** The how-manieth pass fails, from 1. */
  readonly pass: number;
}

/** Steps of writing a file in place of another one. */
const fileStages = ["write", "fsync", "rename", "sync-folder"] as const;
/** Files that take another one's place, temporary name first. */
const wholeFiles = ["run", "config", "config-input", "plan", "env", "items", "latest"] as const;
/** Files whose folder or own name is temporary when they are written. */
const innerFiles = ["lock", "state", "manifest", "object"] as const;
/** Everything else that can fail between two durable states. */
const otherPoints = [
  "create:folder",
  "lock:link",
  "lock:claim",
  "lock:take-over",
  "lock:release",
  "log:append",
  "log:fsync",
  "log:truncate",
  "log:rotate",
  "checkpoint:begin",
  "checkpoint:files",
  "checkpoint:fsync",
  "checkpoint:hash",
  "checkpoint:sync-folder",
  "checkpoint:rename",
  "checkpoint:sync-parent",
  "checkpoint:prune",
  "checkpoint:remove",
  "resume:set-aside",
  "object:rename",
  "phase:task-start",
  "phase:step",
  "phase:end-task",
  "phase:evaluate",
  "phase:save",
  "phase:finish",
] as const;
export type WholeFile = (typeof wholeFiles)[number];
export type InnerFile = (typeof innerFiles)[number];
export type FailpointName =
  | `${InnerFile}:write`
  | `${InnerFile}:fsync`
  | `${WholeFile}:${(typeof fileStages)[number]}`
  | (typeof otherPoints)[number];

// Read once: a failpoint costs one comparison when nothing is armed.
const armed = parseFailpoint(process.env.EVERGREEN_FAILPOINT);
const passes = new Map<string, number>();

/** Every name that `EVERGREEN_FAILPOINT` may give, sorted. */
export function failpointNames(): readonly FailpointName[] {
  const whole = wholeFiles.flatMap((file) => fileStages.map((stage) => `${file}:${stage}` as const));
  const inner = innerFiles.flatMap((file) => [`${file}:write`, `${file}:fsync`] as const);
  return [...whole, ...inner, ...otherPoints].sort();
}

/**
 * A place where a test makes the program die or the disk fail: `EVERGREEN_FAILPOINT=latest:rename=kill`, with `@3` for the third
 * pass. Costs one comparison when nothing is armed.
 */
export function failpoint(name: FailpointName): void {
  if (armed === undefined || armed.name !== name) return;
  if (hit(armed) && armed.action !== "torn") act(armed);
}

/** How many of `bytes` a write at this failpoint may make before the process dies; all of them when it is not armed to tear. */
export function tornAt(name: FailpointName, bytes: number): number | undefined {
  if (armed === undefined || armed.name !== name || armed.action !== "torn") return undefined;
  return passes.get(name) === armed.pass ? Math.floor(bytes / 2) : undefined;
}

/** Ends the process as a lost power line would: no handler runs. */
export function dieNow(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

function hit({ name, pass }: Armed): boolean {
  const count = (passes.get(name) ?? 0) + 1;
  passes.set(name, count);
  return count === pass;
}

function act({ name, action }: Armed): never {
  if (action === "kill") dieNow();
  if (action === "crash" || action === "torn") throw new Error(`failpoint ${name}`);
  throw Object.assign(new Error(`${action}: failpoint ${name}`), { code: action, syscall: name });
}

function parseFailpoint(text: string | undefined): Armed | undefined {
  if (!text) return undefined;
  const match = /^([a-z:-]+)=(\w+)(?:@(\d+))?$/.exec(text);
  const action = actions.find((known) => known === match?.[2]);
  const name = failpointNames().find((known) => known === match?.[1]);
  if (!action || !name)
    throw new Error(`EVERGREEN_FAILPOINT: expected NAME=${actions.join("|")} with one of ${failpointNames().join(", ")}; got ${text}`);
  return { name, action, pass: Number(match?.[3] ?? 1) };
}
