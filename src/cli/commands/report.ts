import { resolve } from "node:path";
import { exitCodes } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { openStore } from "../places.ts";

export const usage = {
  synopsis: "report RUN [--out FILE]",
  about:
    "Writes the report of a run again: report.html, README.md and figures/ in the run's folder, or the one file that --out names (.md for Markdown). RUN is an id, the end of one, latest, or a folder.",
  flags: { ...storeFlags, out: { type: "string", help: "one file in place of those in the run's folder" } },
  arguments: [1, 1],
  takesRun: true,
} as const;

/** `evergreen report`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const reader = openStore(flags.runs).find(rest[0] ?? "", flags.project);
  const { writeReport, writeReportTo } = await import("../write-report.ts");
  if (flags.out !== undefined) {
    const file = resolve(flags.out);
    await writeReportTo(reader, file);
    process.stdout.write(flags.json ? `${JSON.stringify({ report: file })}\n` : `${file}\n`);
    return exitCodes.done;
  }
  const { html, markdown, figures } = await writeReport(reader);
  const lines = flags.json ? [JSON.stringify({ report: html, markdown, figures })] : [html, markdown, ...figures];
  process.stdout.write(`${lines.join("\n")}\n`);
  return exitCodes.done;
}
