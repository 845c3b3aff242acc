import { runSubcommand, type Subcommand } from "../subcommands.ts";

export const subcommands = {
  captions: { summary: "merge each picture's class caption with a captioner's, checked", load: () => import("../data-captions.ts") },
  check: { summary: "read every image: unreadable, duplicates, captions that are cut", load: () => import("../data-check.ts") },
  licences: { summary: "whose work the pictures are", load: () => import("../data-licences.ts") },
  "mini-flux": { summary: "make the embedded benchmark's data, or find it made", load: () => import("../data-mini-flux.ts") },
  prepare: {
    summary: "resized copies of data sets, as shards or folders, with a digest of everything",
    load: () => import("../data-prepare.ts"),
  },
  status: {
    summary: "which of the benchmark's 63 data sets are here, and how to obtain the others",
    load: () => import("../data-status.ts"),
  },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen data`. */
export const run = (argv: readonly string[]): Promise<number> => runSubcommand("data", subcommands, argv);
