import { commonFlags, type Flag } from "./command.ts";
import type { KnownCommand } from "./known-commands.ts";

/** Shells that scripts are made for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The script that completes commands, subcommands, flags, their values, and runs where a command takes one. */
export function completionScript(shell: Shell, commands: readonly KnownCommand[]): string {
  const lines = shell === "fish" ? fish(commands) : shell === "zsh" ? zsh(commands) : bash(commands);
  return `${lines.join("\n")}\n`;
}

/** A command line up to where words are completed: `train`, `data check`. */
interface Call {
  readonly path: readonly string[];
  readonly words: readonly (readonly [word: string, about: string])[];
  readonly takesRun: boolean;
  readonly flags: readonly (readonly [name: string, flag: Flag])[];
}

function callsOf(commands: readonly KnownCommand[], above: readonly string[] = []): readonly Call[] {
  return commands.flatMap(({ name, usage, subcommands }): readonly Call[] => {
    const path = [...above, name];
    const words = [
      ...subcommands.map((sub) => [sub.name, sub.summary] as const),
      ...(usage?.words ?? []).map((word) => [word, ""] as const),
    ];
    const flags = Object.entries({ ...usage?.flags, ...commonFlags });
    return [{ path, words, takesRun: usage?.takesRun === true, flags }, ...callsOf(subcommands, path)];
  });
}

/** Runs as the first column of a piped list. */
const listRuns = "evergreen ls --quiet 2>/dev/null | tail -n +2 | cut -f1";

function bash(commands: readonly KnownCommand[]): readonly string[] {
  const calls = callsOf(commands);
  const branch = ({ path, words, takesRun, flags }: Call): readonly string[] => [
    `    ${quoted(path.join(" "))})`,
    `      flags=${quoted(flags.flatMap(([name, { short }]) => [`--${name}`, ...(short ? [`-${short}`] : [])]).join(" "))}`,
    `      words=${quoted(words.map(([word]) => word).join(" "))}`,
    `      runs=${takesRun ? "yes" : ""}`,
    "      case $previous in",
    ...flags.flatMap(([name, { type, choices, short }]) =>
      type === "string"
        ? [`        --${name}${short ? `|-${short}` : ""}) ${choices ? `values=${quoted(choices.join(" "))}` : "values=FILES"};;`]
        : [],
    ),
    "      esac;;",
  ];
  return [
    "_evergreen() {",
    "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}",
    "  local command= flags= words= runs= values= known",
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W ${quoted(`${commands.map(({ name }) => name).join(" ")} --help --version`)} -- "$current")); return`,
    "  fi",
    "  command=${COMP_WORDS[1]}",
    `  for known in ${calls
      .filter(({ path }) => path.length > 1)
      .map(({ path }) => quoted(path.join(" ")))
      .join(" ")}; do`,
    '    if [ "$COMP_CWORD" -gt 2 ] && [ "$known" = "${COMP_WORDS[1]} ${COMP_WORDS[2]}" ]; then command=$known; fi',
    "  done",
    "  case $command in",
    ...calls.flatMap(branch),
    "  esac",
    '  if [ "$values" = FILES ]; then COMPREPLY=($(compgen -f -- "$current"))',
    '  elif [ -n "$values" ]; then COMPREPLY=($(compgen -W "$values" -- "$current"))',
    '  elif [ "${current#-}" != "$current" ]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))',
    "  else",
    `    if [ -n "$runs" ]; then words="$words latest $(${listRuns})"; fi`,
    '    COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))',
    "  fi",
    "}",
    "complete -o filenames -F _evergreen evergreen",
  ];
}

/** zsh runs bash's function through its own bridge. */
function zsh(commands: readonly KnownCommand[]): readonly string[] {
  return ["autoload -Uz bashcompinit && bashcompinit", ...bash(commands)];
}

function fish(commands: readonly KnownCommand[]): readonly string[] {
  const start = "complete -c evergreen";
  const first = commands.map(({ name, summary }) => `${start} -f -n __fish_use_subcommand -a ${quoted(name)} -d ${quoted(summary)}`);
  const rest = callsOf(commands).flatMap(({ path, words, takesRun, flags }) => {
    const when = path.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    const at = `${start} -n ${quoted(when)}`;
    return [
      ...words.map(([word, about]) => `${at} -a ${quoted(word)}${about ? ` -d ${quoted(about)}` : ""}`),
      ...(takesRun ? [`${at} -a ${quoted(`latest (${listRuns})`)}`] : []),
      ...flags.map(
        ([name, { short, type, choices, help }]) =>
          `${at} -l ${name}${short ? ` -s ${short}` : ""}${type === "string" ? " -r" : ""}${choices ? ` -f -a ${quoted(choices.join(" "))}` : ""} -d ${quoted(help)}`,
      ),
    ];
  });
  return [...first, ...rest];
}

/** A word for a shell. In fish a backslash before a quote stands inside single quotes; in bash it cannot, so no help text may need it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
