import { runSubcommand, type Subcommand } from "../subcommands.ts";

export const subcommands = {
  info: { summary: "what a model is: architecture, sizes, types, digest", load: () => import("../model-info.ts") },
  convert: { summary: "write a model in another form or precision", load: () => import("../model-convert.ts") },
  encode: { summary: "embed images and texts", load: () => import("../model-encode.ts") },
  tokenize: { summary: "CLIP's token ids of texts", load: () => import("../model-tokenize.ts") },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen model`. */
export const run = (argv: readonly string[]): Promise<number> => runSubcommand("model", subcommands, argv);
