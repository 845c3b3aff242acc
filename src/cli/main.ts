import { EvergreenError, exitCodes, formatError, formatPlace, nearest, UsageError } from "../util/errors.ts";
import type { CommandModule } from "./command.ts";
import { commandSummaries, helpText } from "./help.ts";

/** Runs a command line and gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(helpText());
    return exitCodes.done;
  }
  if (name === "--version" || name === "-V") {
    const { versions } = await import("../launch/versions.ts");
    process.stdout.write(`${versions().evergreen}\n`);
    return exitCodes.done;
  }
  const known = Object.keys(commandSummaries);
  if (!known.includes(name)) {
    const near = nearest(name, known);
    throw new UsageError(`unknown command "${name}"`, near ? `did you mean: evergreen ${near}` : "see: evergreen --help");
  }
  const module = (await import(
    new URL(`./commands/${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url).href
  )) as CommandModule;
  return module.run(rest);
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
