import { runSubcommand, type Subcommand } from "../subcommands.ts";

export const subcommands = {
  ls: { summary: "the run files that come with Evergreen", load: () => import("../preset-ls.ts") },
  show: { summary: "one of them, as it stands", load: () => import("../preset-show.ts") },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen preset`. */
export const run = (argv: readonly string[]): Promise<number> => runSubcommand("preset", subcommands, argv);
