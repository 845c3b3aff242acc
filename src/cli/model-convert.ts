import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { floatTypeNames, storedType } from "../models/float-types.ts";
import { folderForm } from "../models/model-export.ts";
import { openModelFolder } from "../models/model-folder.ts";
import { EvergreenError, UsageError } from "../util/errors.ts";
import { formatBytes } from "../util/units.ts";
import { parse, storeFlags } from "./command.ts";
import { findModelFile, modelReferenceHelp } from "./model-reference.ts";
import { OutputError, writeOutput } from "./output-file.ts";

export const usage = {
  synopsis: "model convert MODEL OUT [--to openclip|transformers] [--dtype float32|float16|bfloat16]",
  about: [
    `Writes a model in another form. MODEL is ${modelReferenceHelp}.`,
    "OUT is a .safetensors file, or a folder with the configs that OpenCLIP (local-dir:OUT) or transformers (CLIPModel.from_pretrained) read.",
  ].join("\n"),
  flags: {
    to: { type: "string", help: "whose names: openclip (default) or transformers" },
    dtype: { type: "string", help: "float32, float16 or bfloat16; default: the model's own" },
    arch: { type: "string", help: "architecture, where the weights leave a choice" },
    runs: storeFlags.runs,
  },
  arguments: [2, 2],
} as const;

/** `evergreen model convert`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const [reference = "", out = ""] = rest;
  const naming = flags.to ?? "openclip";
  if (naming !== "openclip" && naming !== "transformers") throw new UsageError(`--to ${naming}: expected openclip or transformers`);
  const given = floatTypeNames.find((name) => name === flags.dtype);
  if (flags.dtype !== undefined && given === undefined)
    throw new UsageError(`--dtype ${flags.dtype}: expected ${floatTypeNames.join(", ")}`);
  const path = findModelFile(reference, flags.runs);
  const opened = await openModelFolder(path, flags.arch === undefined ? {} : { arch: flags.arch });
  const dtype = given ?? storedType(opened.entries.values());
  const form = out.endsWith(".safetensors") ? undefined : folderForm(opened, naming);
  const target = form ? join(makeFolder(out, [form.weights, ...Object.keys(form.configs)]), form.weights) : out;
  const [{ loadForUse }, { saveModel }] = await Promise.all([import("../pipeline/encode.ts"), import("../models/save.ts")]);
  const { model, preprocess } = await loadForUse(path, { arch: flags.arch, env: process.env });
  await saveModel(target, model, { preprocess, naming, dtype });
  if (form)
    for (const [name, config] of Object.entries(form.configs)) writeOutput(join(out, name), [`${JSON.stringify(config, undefined, 2)}\n`]);
  if (flags.json) process.stdout.write(`${JSON.stringify({ path: out, weights: target, naming, dtype, bytes: statSync(target).size })}\n`);
  else if (!flags.quiet)
    process.stderr.write(
      `wrote ${out}: ${naming === "openclip" ? "OpenCLIP" : "transformers"} names, ${dtype}, ${formatBytes(statSync(target).size)}\n`,
    );
  return 0;
}

/** An empty folder, or one that holds a model of the same form. Anything beside it would make the folder say two things. */
export function makeFolder(path: string, names: readonly string[]): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isDirectory())
    throw new UsageError(`${path} is a file that does not end in .safetensors`, "name a folder or a .safetensors file");
  const other = existsSync(path) ? readdirSync(path).find((name) => !names.includes(name)) : undefined;
  if (other !== undefined)
    throw new EvergreenError(`${path} holds ${other}, which is no part of what would be written`, {
      code: "EG-9601",
      exit: "conflict",
      fix: "name an empty folder or a new one",
    });
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new OutputError(path, error as NodeJS.ErrnoException);
  }
  return path;
}
