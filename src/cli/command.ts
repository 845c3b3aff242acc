import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearest, UsageError } from "../util/errors.ts";
import { widthOf } from "./output.ts";
import type { Subcommand } from "./subcommands.ts";

/** A command's file: `run` gives the exit code. */
export interface CommandModule {
  run(argv: readonly string[]): Promise<number>;
  /** What completion scripts are made of. */
  readonly usage?: AnyUsage;
  readonly subcommands?: Readonly<Record<string, Subcommand>>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type OptionType = "string" | "boolean";

/** A flag of a command: its type and a line of help. */
export interface Flag {
  readonly type: OptionType;
  readonly short?: string;
  readonly multiple?: boolean;
  readonly help: string;
  /** What stands for the value on the help page; VALUE when absent. */
  readonly value?: string;
  /** The only values it takes. */
  readonly choices?: readonly string[];
}

/** How a command is called. */
export interface Usage<Flags extends Readonly<Record<string, Flag>>> {
  /** As `train -C FILE [options]`. */
  readonly synopsis: string;
  readonly about: string;
  readonly flags: Flags;
  /** Fewest and most positional arguments. */
  readonly arguments?: readonly [number, number];
  /** Words that may come first, for completion: `clear` of `lock clear`. */
  readonly words?: readonly string[];
  /** Arguments that name a run, for completion. */
  readonly takesRun?: boolean;
}
export type AnyUsage = Usage<Readonly<Record<string, Flag>>>;

type Value<F extends Flag> = F["type"] extends "boolean" ? boolean : F["multiple"] extends true ? readonly string[] : string;
export interface Parsed<Flags extends Readonly<Record<string, Flag>>> {
  readonly flags: { readonly [Name in keyof Flags]?: Value<Flags[Name]> };
  readonly rest: readonly string[];
}

/** Flags that every command takes. */
export const commonFlags = {
  json: { type: "boolean", help: "print results as JSON" },
  quiet: { type: "boolean", short: "q", help: "print results alone" },
  "no-color": { type: "boolean", help: "no colours (NO_COLOR does the same)" },
  help: { type: "boolean", short: "h", help: "print this" },
} as const satisfies Readonly<Record<string, Flag>>;

/** Flags of commands that read a run file. */
export const runFileFlags = {
  config: {
    type: "string",
    value: "FILE",
    short: "C",
    multiple: true,
    help: "run file, or preset:NAME; repeatable, a later one over an earlier one",
  },
  set: { type: "string", value: "KEY=VALUE", multiple: true, help: "one setting over the file: --set optim.lr=1e-4" },
} as const satisfies Readonly<Record<string, Flag>>;

/** Where runs lie. */
export const storeFlags = {
  project: { type: "string", value: "NAME", short: "p", help: "project of the run" },
  runs: { type: "string", value: "FOLDER", help: "folder of all runs (EVERGREEN_RUNS, else ./runs)" },
} as const satisfies Readonly<Record<string, Flag>>;

/** Flag of commands that train one run. */
export const shareFlag = {
  share: { type: "boolean", help: "take whole tasks that a run of the same settings learned, and keep the others for the next (see gc)" },
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
  checkChoices(result.values, flags);
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

function checkChoices(values: Readonly<Record<string, unknown>>, flags: Readonly<Record<string, Flag>>): void {
  for (const [name, { choices }] of Object.entries(flags)) {
    const value = values[name];
    if (!choices || typeof value !== "string" || choices.includes(value)) continue;
    const near = nearest(value, choices);
    throw new UsageError(
      `--${name} ${value}: expected one of ${choices.join(", ")}`,
      near ? `did you mean --${name} ${near}?` : "see --help",
    );
  }
}

/** The whole number that a flag gives. @throws {UsageError} */
export function wholeNumber(flag: string, text: string, least = 1): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${flag} ${text}: expected a whole number >= ${least}`, `as --${flag} ${Math.max(least, 1)}`);
}

function page(usage: AnyUsage, flags: Readonly<Record<string, Flag>>): string {
  const names = Object.entries(flags).map(
    ([name, { short, type, value }]) => `${short ? `-${short}, ` : "    "}--${name}${type === "string" ? ` ${value ?? "VALUE"}` : ""}`,
  );
  const indent = Math.max(...names.map((name) => name.length)) + 4;
  const width = Math.max(40, widthOf(process.stdout, 100));
  const helps = Object.values(flags).map(({ help, choices }) => (choices ? `${help}: ${choices.join(", ")}` : help));
  const lines = helps.map(
    (help, i) => `  ${(names[i] ?? "").padEnd(indent - 2)}${wrapped(help, width - indent).join(`\n${" ".repeat(indent)}`)}`,
  );
  return `evergreen ${usage.synopsis}\n\n${wrapped(usage.about, width).join("\n")}\n\n${lines.join("\n")}\n`;
}

/** The text in lines of at most `width`, cut at blanks. */
function wrapped(text: string, width: number): readonly string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    for (const word of paragraph.split(" ")) {
      const last = lines.at(-1);
      if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return lines;
  });
}
