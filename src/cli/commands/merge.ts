import { floatTypeNames } from "../../models/float-types.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { mergeRequest } from "../merge-request.ts";
import { modelReferenceHelp } from "../model-reference.ts";
import { pluginFlag, usePluginFlag } from "../plugin-flag.ts";
import type { Subcommand } from "../subcommands.ts";

export const usage = {
  synopsis: "merge MODEL... --out OUT [--method NAME --base MODEL] | merge -C FILE --out OUT | merge ls [NAME] | merge sweep RUN",
  about: [
    `Merges models, oldest first, into one. MODEL is ${modelReferenceHelp}. OUT is a folder that OpenCLIP opens, or transformers with --as, or a .safetensors file.`,
    "A folder of adapters that PEFT saved is a model too: with them folded into --base, or into MODEL of ADAPTERS?base=MODEL.",
    "FILE is a merge in mergekit's form: merge_method, base_model, models, parameters, dtype. ls lists the operators, ls NAME the options of one. sweep scores what lies between old and new weights: merge sweep --help.",
  ].join("\n"),
  flags: {
    config: { type: "string", value: "FILE", short: "C", help: "merge file; flags stand over it" },
    out: { type: "string", value: "OUT", help: "folder or .safetensors file to write" },
    method: { type: "string", value: "NAME", help: "operator; default linear" },
    base: { type: "string", value: "MODEL", help: "what the models were trained from" },
    weights: { type: "string", value: "W,W,...", help: "one a model; what they mean is the operator's" },
    "by-age": { type: "string", value: "SHAPE", help: "weights that grow towards the newest: linear, exp, log, ..." },
    reverse: { type: "boolean", help: "weights by age that grow towards the oldest" },
    "include-base": { type: "boolean", help: "the base takes part as the oldest model" },
    set: { type: "string", value: "KEY=VALUE", multiple: true, help: "an option of the operator: --set lambda=0.3" },
    lines: { type: "boolean", help: "scale task vectors by depth (LiNeS)" },
    "no-clamp": { type: "boolean", help: "do not hold the logit scale within [0, ln 100], as where training does not" },
    dtype: { type: "string", value: "TYPE", help: "type to write; default the base's own", choices: floatTypeNames },
    seed: { type: "string", value: "N", help: "seed of the operators that draw" },
    as: { type: "string", value: "FORM", help: "whose names and configs; default openclip", choices: ["openclip", "transformers"] },
    ...pluginFlag,
    guard: { type: "string", value: "ACTION", help: "what to do when a tower moved too far; default warn", choices: ["warn", "stop"] },
    arch: { type: "string", value: "NAME", help: "architecture, where the weights leave a choice" },
    "dry-run": { type: "boolean", short: "n", help: "say what it would read, write and hold, and stop" },
    runs: storeFlags.runs,
  },
  arguments: [0, Number.POSITIVE_INFINITY],
  words: ["ls"],
  takesRun: true,
} as const;

export const subcommands = {
  sweep: { summary: "score what lies between old and new weights", load: () => import("../merge-sweep.ts") },
} as const satisfies Readonly<Record<string, Subcommand>>;

/** `evergreen merge`. */
export async function run(argv: readonly string[]): Promise<number> {
  if (argv[0] === "sweep") return (await subcommands.sweep.load()).run(argv.slice(1));
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  await usePluginFlag(flags);
  if (rest[0] === "ls") {
    if (rest.length > 2) throw new UsageError(`unexpected argument "${rest[2]}"`, "usage: evergreen merge ls [NAME]");
    await (await import("../merge-ls.ts")).listOperators(rest[1], flags.json === true);
    return exitCodes.done;
  }
  if (rest.length === 0 && flags.config === undefined) throw new UsageError("no models", `usage: evergreen ${usage.synopsis}`);
  if (flags.out === undefined && !flags["dry-run"]) throw new UsageError("where to write?", "add --out OUT, or --dry-run");
  const request = mergeRequest(rest, flags);
  const { runMerge } = await import("../merge-run.ts");
  await runMerge(request, flags);
  return exitCodes.done;
}
