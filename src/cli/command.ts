import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearest, UsageError } from "../util/errors.ts";

/** A command's file: `run` gives the exit code. */
export interface CommandModule {
  run(argv: readonly string[]): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type OptionType = "string" | "boolean";

/** A flag of a command: its type and a line of help. */
export interface Flag {
  readonly type: OptionType;
  readonly short?: string;
  readonly multiple?: boolean;
  readonly help: string;
}

/** How a command is called. */
export interface Usage<Flags extends Readonly<Record<string, Flag>>> {
  /** As `train -C FILE [options]`. */
  readonly synopsis: string;
  readonly about: string;
  readonly flags: Flags;
  /** Fewest and most positional arguments. */
  readonly arguments?: readonly [number, number];
}

type Value<F extends Flag> = F["type"] extends "boolean" ? boolean : F["multiple"] extends true ? readonly string[] : string;
export interface Parsed<Flags extends Readonly<Record<string, Flag>>> {
  readonly flags: { readonly [Name in keyof Flags]?: Value<Flags[Name]> };
  readonly rest: readonly string[];
}

/** Flags that every command takes. */
export const commonFlags = {
  json: { type: "boolean", help: "print results as JSON" },
  quiet: { type: "boolean", short: "q", help: "print results alone" },
  help: { type: "boolean", short: "h", help: "print this" },
} as const satisfies Readonly<Record<string, Flag>>;

/** Flags of commands that read a run file. */
export const runFileFlags = {
  config: { type: "string", short: "C", multiple: true, help: "run file, or preset:NAME; repeatable, a later one over an earlier one" },
  set: { type: "string", multiple: true, help: "KEY=VALUE over the file: --set optim.lr=1e-4" },
} as const satisfies Readonly<Record<string, Flag>>;

/** Where runs lie. */
export const storeFlags = {
  project: { type: "string", short: "p", help: "project of the run" },
  runs: { type: "string", help: "folder of all runs (EVERGREEN_RUNS, else ./runs)" },
} as const satisfies Readonly<Record<string, Flag>>;

/**
 * Reads a command's arguments. `--help` prints the command's page and gives undefined.
 * @throws {UsageError} for a flag it does not know, or too few or many arguments.
 */
export function parse<Flags extends Readonly<Record<string, Flag>>>(
  argv: readonly string[],
  usage: Usage<Flags>,
): Parsed<Flags & typeof commonFlags> | undefined {
  const flags: Readonly<Record<string, Flag>> = { ...usage.flags, ...commonFlags };
  const options: Options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
    ]),
  );
  const result = read(argv, options, flags);
  if (result.values.help) {
    process.stdout.write(page(usage, flags));
    return undefined;
  }
  const [fewest, most] = usage.arguments ?? [0, 0];
  if (result.positionals.length < fewest) throw new UsageError(`too few arguments`, `usage: evergreen ${usage.synopsis}`);
  if (result.positionals.length > most)
    throw new UsageError(`unexpected argument "${result.positionals[most]}"`, `usage: evergreen ${usage.synopsis}`);
  return { flags: result.values as Parsed<Flags & typeof commonFlags>["flags"], rest: result.positionals };
}

function read(
  argv: readonly string[],
  options: Options,
  flags: Readonly<Record<string, Flag>>,
): { readonly values: Record<string, unknown>; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unknown = /Unknown option '(--?[^']+)'/.exec(message)?.[1];
    if (!unknown) throw new UsageError(message.split(". ")[0] ?? message, "see --help");
    const near = nearest(unknown.replace(/^--?/, ""), Object.keys(flags));
    throw new UsageError(`unknown flag ${unknown}`, near ? `did you mean --${near}?` : "see --help");
  }
}

function page<Flags extends Readonly<Record<string, Flag>>>(usage: Usage<Flags>, flags: Readonly<Record<string, Flag>>): string {
  const names = Object.entries(flags).map(
    ([name, { short, type }]) => `${short ? `-${short}, ` : "    "}--${name}${type === "string" ? " VALUE" : ""}`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.values(flags).map(({ help }, i) => `  ${(names[i] ?? "").padEnd(width)}  ${help}`);
  return `evergreen ${usage.synopsis}\n\n${usage.about}\n\n${lines.join("\n")}\n`;
}
