import { nearest, UsageError } from "../util/errors.ts";
import type { CommandModule } from "./command.ts";

/** A command's second word: what it does, and the file that does it, loaded when it is called. */
export interface Subcommand {
  readonly summary: string;
  load(): Promise<CommandModule>;
}

/** Runs the subcommand that the first argument names. Without one, or with `--help`, the list of them is printed. */
export async function runSubcommand(
  command: string,
  subcommands: Readonly<Record<string, Subcommand>>,
  argv: readonly string[],
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h") {
    process.stdout.write(page(command, subcommands));
    return 0;
  }
  const known = Object.keys(subcommands);
  const found = known.includes(name) ? subcommands[name] : undefined;
  if (found) return (await found.load()).run(rest);
  const near = nearest(name, known);
  throw new UsageError(
    `unknown command "${command} ${name}"`,
    near ? `did you mean: evergreen ${command} ${near}` : `one of: ${known.map((each) => `${command} ${each}`).join(", ")}`,
  );
}

function page(command: string, subcommands: Readonly<Record<string, Subcommand>>): string {
  const width = Math.max(...Object.keys(subcommands).map((name) => name.length));
  const lines = Object.entries(subcommands).map(([name, { summary }]) => `  evergreen ${command} ${name.padEnd(width)}  ${summary}`);
  return `evergreen ${command} COMMAND [options]        evergreen ${command} COMMAND --help says more\n\n${lines.join("\n")}\n`;
}
