import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { AnyUsage, CommandModule } from "./command.ts";
import { type CommandName, commandSummaries } from "./help.ts";
import type { Subcommand } from "./subcommands.ts";

/** A command with what its file says of its call. */
export interface KnownCommand {
  readonly name: string;
  readonly summary: string;
  readonly usage?: AnyUsage;
  readonly subcommands: readonly KnownCommand[];
}

const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

function fileOf(name: CommandName): URL {
  return new URL(`./commands/${name}${ending}`, import.meta.url);
}

/** Loads a command's file, and nothing else. */
export async function loadCommand(name: CommandName): Promise<CommandModule> {
  return (await import(fileOf(name).href)) as CommandModule;
}

/** Every command, in the order of the help. */
export async function knownCommands(): Promise<readonly KnownCommand[]> {
  const names = Object.keys(commandSummaries) as CommandName[];
  const present = names.filter((name) => existsSync(fileURLToPath(fileOf(name))));
  return Promise.all(
    present.map(async (name): Promise<KnownCommand> => {
      const { usage, subcommands } = await loadCommand(name);
      return { name, summary: commandSummaries[name], ...(usage ? { usage } : {}), subcommands: await known(subcommands ?? {}) };
    }),
  );
}

function known(subcommands: Readonly<Record<string, Subcommand>>): Promise<readonly KnownCommand[]> {
  return Promise.all(
    Object.entries(subcommands).map(async ([name, { summary, load }]): Promise<KnownCommand> => {
      const { usage } = await load();
      return { name, summary, ...(usage ? { usage } : {}), subcommands: [] };
    }),
  );
}
