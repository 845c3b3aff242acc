import { runSubcommand, type Subcommand } from "../subcommands.ts";

export const subcommands = {
  show: { summary: "the learning rate over all tasks, as a table and as a picture", load: () => import("../schedule-show.ts") },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen schedule`. */
export const run = (argv: readonly string[]): Promise<number> => runSubcommand("schedule", subcommands, argv);
