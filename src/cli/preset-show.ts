import { exitCodes } from "../util/errors.ts";
import { parse } from "./command.ts";
import { sayJson } from "./output.ts";
import { presetFile } from "./preset-files.ts";

export const usage = {
  synopsis: "preset show NAME",
  about: "Prints a run file that comes with Evergreen.",
  flags: {},
  arguments: [1, 1],
} as const;

/** `evergreen preset show`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const file = presetFile(parsed.rest[0] ?? "");
  if (parsed.flags.json) sayJson(file);
  else process.stdout.write(file.text);
  return exitCodes.done;
}
