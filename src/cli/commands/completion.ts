import { exitCodes, nearest, UsageError } from "../../util/errors.ts";
import { parse } from "../command.ts";
import { completionScript, shells } from "../completion-script.ts";
import { knownCommands } from "../known-commands.ts";

export const usage = {
  synopsis: "completion bash | zsh | fish",
  about:
    'Prints a completion script. bash: eval "$(evergreen completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit. fish: evergreen completion fish > ~/.config/fish/completions/evergreen.fish',
  flags: {},
  arguments: [1, 1],
  words: shells,
} as const;

/** `evergreen completion`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const [given = ""] = parsed.rest;
  const shell = shells.find((name) => name === given);
  if (!shell) {
    const near = nearest(given, shells);
    throw new UsageError(
      `no completion for "${given}"; known: ${shells.join(", ")}`,
      near ? `did you mean ${near}?` : "use one of the known shells",
    );
  }
  process.stdout.write(completionScript(shell, await knownCommands()));
  return exitCodes.done;
}
