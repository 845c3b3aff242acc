import { EvergreenError, exitCodes, formatError, formatPlace, nearest, UsageError } from "../util/errors.ts";
import { type CommandName, commandSummaries, helpText } from "./help.ts";
import { loadCommand } from "./known-commands.ts";

/** Runs a command line and gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    process.stdout.write(helpText());
    return exitCodes.done;
  }
  if (name === "--version" || name === "-V") {
    const { versions } = await import("../launch/versions.ts");
    process.stdout.write(`${versions().evergreen}\n`);
    return exitCodes.done;
  }
  return name === "help" ? main([...rest, "--help"]) : (await loadCommand(knownName(name))).run(rest);
}

function knownName(name: string): CommandName {
  const known = Object.keys(commandSummaries) as CommandName[];
  const found = known.find((each) => each === name);
  if (found) return found;
  if (name.startsWith("-"))
    throw new UsageError(`${name}: expected a command first`, `evergreen COMMAND ${name}, or see: evergreen --help`);
  const near = nearest(name, known);
  throw new UsageError(`unknown command "${name}"`, near ? `did you mean: evergreen ${near}` : "see: evergreen --help");
}

/** Prints a failure as the command line asked for it and gives its exit code. */
function report(error: unknown, json: boolean): number {
  const known = error instanceof EvergreenError ? error : undefined;
  if (json) {
    const message = error instanceof Error ? error.message : String(error);
    const place = known?.place ? { place: formatPlace(known.place) } : {};
    const fix = known?.fix === undefined ? {} : { fix: known.fix };
    process.stdout.write(`${JSON.stringify({ error: { code: known?.code ?? "EG-1001", message, ...place, ...fix } })}\n`);
  } else process.stderr.write(`${formatError(error)}\n`);
  return known ? exitCodes[known.exit] : exitCodes.internal;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader went away, as `head` does.
  if (error.code === "EPIPE") process.exit(exitCodes.done);
  throw error;
});

const argv = process.argv.slice(2);
try {
  process.exitCode = await main(argv);
} catch (error) {
  process.exitCode = report(error, argv.includes("--json"));
}
