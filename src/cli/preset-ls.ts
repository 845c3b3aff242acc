import { exitCodes } from "../util/errors.ts";
import { parse } from "./command.ts";
import { sayJson, sayTable } from "./output.ts";
import { presetFiles, presetSummary } from "./preset-files.ts";

export const usage = {
  synopsis: "preset ls",
  about: "The run files that come with Evergreen. Use one with -C preset:NAME, or begin your own with extends: [preset:NAME].",
  flags: {},
} as const;

/** `evergreen preset ls`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const presets = presetFiles().map((file) => ({ name: file.name, summary: presetSummary(file) }));
  if (parsed.flags.json) sayJson(presets);
  else sayTable({ columns: [{ title: "preset" }, { title: "what it is" }], rows: presets.map(({ name, summary }) => [name, summary]) });
  return exitCodes.done;
}
