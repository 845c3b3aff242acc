import { exitCodes } from "../../util/errors.ts";
import { parse } from "../command.ts";
import { type Check, cacheCheck, diskCheck, nodeCheck, openMpCheck, problemOf, type ThreadGroup, threadsOf } from "../doctor-checks.ts";
import { variablesOf } from "../doctor-environment.ts";
import { aside, coloursOf, cut, say, sayFacts, sayJson, sayTable, widthOf } from "../output.ts";
import { runsRoot } from "../places.ts";

export const usage = {
  synopsis: "doctor [--env]",
  about:
    "What this machine has and lacks: engine, kernels, threads, memory, disk, decoding, cache. Takes a few seconds. Exit code 5 when there is a problem.",
  flags: {
    env: { type: "boolean", help: "environment variables that Evergreen reads, with where each value comes from, and nothing else" },
  },
} as const;

/** `evergreen doctor`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  if (flags.env) return tellVariables(flags.json === true);
  const { checks, threads } = await examine();
  const problems = checks.filter(({ state }) => state === "problem");
  if (flags.json) sayJson({ checks, threads: threads ?? [], problems: problems.length });
  else {
    tell(checks, threads);
    if (!flags.quiet) aside(`${checks.length} checks, ${problems.length} problem${problems.length === 1 ? "" : "s"}`);
  }
  return problems.length > 0 ? exitCodes.resources : exitCodes.done;
}

interface Findings {
  readonly checks: readonly Check[];
  /** While the engine and the data workers were at work. */
  readonly threads: readonly ThreadGroup[] | undefined;
}

async function examine(): Promise<Findings> {
  const { env } = process;
  const others = [diskCheck(runsRoot(undefined, env)), cacheCheck(env)];
  const checks: Check[] = [nodeCheck(process.versions.node)];
  let threads: readonly ThreadGroup[] | undefined;
  try {
    const { engineChecks, decodeRate } = await import("../doctor-engine.ts");
    checks.push(...engineChecks(env), openMpCheck());
    const { check, seen } = await decodeRate(() => threadsOf());
    checks.push(check);
    threads = seen;
  } catch (error) {
    checks.push(problemOf("engine", error, "build it: npm run setup"));
    threads = threadsOf();
  }
  return { checks: [...checks, ...others], threads };
}

function tell(checks: readonly Check[], threads: readonly ThreadGroup[] | undefined): void {
  const { green, yellow, red } = coloursOf(process.stdout);
  if (process.stdout.isTTY) {
    const room = Math.max(20, widthOf(process.stdout, 120) - 20);
    for (const { name, state, text, cure } of checks) {
      const mark = state === "ok" ? green("ok     ") : state === "note" ? yellow("note   ") : red("problem");
      say(`${name.padEnd(9)} ${mark}  ${state === "problem" ? text : cut(text, room)}`);
      if (cure) say(`${" ".repeat(19)}cure: ${cure}`);
    }
  } else
    sayTable({
      columns: ["check", "state", "text", "cure"].map((title) => ({ title })),
      rows: checks.map(({ name, state, text, cure }) => [name, state, text, cure ?? ""]),
    });
  say();
  if (threads)
    sayTable({ columns: [{ title: "thread" }, { title: "count", align: "right" }], rows: threads.map(({ name, count }) => [name, count]) });
  else sayFacts([["threads", "this system does not list them"]]);
}

function tellVariables(json: boolean): number {
  const variables = variablesOf(process.env);
  if (json) sayJson(variables);
  else
    sayTable({
      columns: ["variable", "value", "from", "what it is for"].map((title) => ({ title })),
      rows: variables.map(({ name, value, origin, about }) => [name, value, origin, about]),
    });
  return exitCodes.done;
}
