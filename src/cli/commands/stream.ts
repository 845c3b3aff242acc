import { runSubcommand, type Subcommand } from "../subcommands.ts";

export const subcommands = {
  build: {
    summary: "order concepts of data, and write the stream's file",
    load: () => import("../stream-build.ts"),
  },
  show: { summary: "concepts, samples, sources and years of each task", load: () => import("../stream-show.ts") },
  diff: { summary: "what two streams have apart", load: () => import("../stream-diff.ts") },
  append: { summary: "new concepts behind a stream", load: () => import("../stream-append.ts") },
  check: { summary: "a stream against its data", load: () => import("../stream-check.ts") },
  score: { summary: "losses, embeddings and frequencies that orders need", load: () => import("../stream-score.ts") },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen stream`. */
export const run = (argv: readonly string[]): Promise<number> => runSubcommand("stream", subcommands, argv);
