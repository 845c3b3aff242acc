import { clearLock } from "../../runs/lock.ts";
import { RunConflictError } from "../../runs/store-error.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { say, sayJson } from "../output.ts";
import { openStore } from "../places.ts";

export const usage = {
  synopsis: "lock RUN | lock clear RUN [--yes]",
  about:
    "Shows which process holds a run. A run is written by one process at a time. clear removes the lock of a process that is gone; with --yes also one that may be alive, as on another machine: two processes that write one run destroy it.",
  flags: { ...storeFlags, yes: { type: "boolean", short: "y", help: "clear it even if its process may be alive" } },
  arguments: [1, 2],
  words: ["clear"],
  takesRun: true,
} as const;

/** `evergreen lock`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const [first = "", second] = rest;
  if (second !== undefined && first !== "clear")
    throw new UsageError(`lock ${first}: expected a run, or clear and a run`, `usage: evergreen ${usage.synopsis}`);
  if (second === undefined && first === "clear") throw new UsageError("lock clear: which run?", "list them with: evergreen ls");
  const reader = openStore(flags.runs).find(second ?? first, flags.project);
  const { id } = reader.record();
  const { state, about } = reader.lock();
  if (second === undefined) {
    if (flags.json) sayJson({ run: id, state, about });
    else say(`${id}\t${state}\t${about}`);
    return exitCodes.done;
  }
  if (state === "held" && !flags.yes)
    throw new RunConflictError(
      `${id} is in use: ${about}`,
      "end that process first (Ctrl+C saves and stops); --yes if you know that it is gone",
    );
  if (state !== "free") clearLock(reader.folder);
  const told = state === "free" ? "nobody held it; nothing was cleared" : `cleared: it was held by ${about}`;
  if (flags.json) sayJson({ run: id, state, about, cleared: state !== "free" });
  else say(`${id}\t${told}${reader.record().state === "done" ? "" : `; go on with: evergreen resume ${id}`}`);
  return exitCodes.done;
}
