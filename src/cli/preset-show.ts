import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { exitCodes } from "../util/errors.ts";
import { parse } from "./command.ts";
import { sayJson } from "./output.ts";
import { presetPath } from "./preset-files.ts";

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
  const path = presetPath(parsed.rest[0] ?? "");
  const text = readFileSync(path, "utf8");
  if (parsed.flags.json) sayJson({ name: basename(path, ".yaml"), text });
  else process.stdout.write(text);
  return exitCodes.done;
}
