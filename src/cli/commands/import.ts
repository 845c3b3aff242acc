import { runSubcommand, type Subcommand } from "../subcommands.ts";

export const subcommands = {
  "clip-benchmark": {
    summary: "results of CLIP_benchmark beside a run's, or as a table",
    load: () => import("../import-clip-benchmark.ts"),
  },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen import`. */
export const run = (argv: readonly string[]): Promise<number> => runSubcommand("import", subcommands, argv);
