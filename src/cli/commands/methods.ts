import { exitCodes } from "../../util/errors.ts";
import { parse } from "../command.ts";
import { sayJson, sayTable } from "../output.ts";
import { pluginFlag, usePluginFlag } from "../plugin-flag.ts";

export const usage = {
  synopsis: "methods [--plugins FOLDER]",
  about:
    "The methods that a run file may list under methods; several of them compose. evergreen explain method NAME teaches one: when to take it, what it costs, its options.",
  flags: pluginFlag,
} as const;

/** `evergreen methods`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  await usePluginFlag(parsed.flags);
  const { partsTable } = await import("../explain-part.ts");
  const table = await partsTable("method");
  if (parsed.flags.json) sayJson(table.rows.map(([name, summary, source]) => ({ name, summary, source })));
  else sayTable(table);
  return exitCodes.done;
}
