import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { journalFiles } from "../../runs/checkpoint.ts";
import { type LogLevel, logLevels } from "../../runs/log.ts";
import type { RunReader } from "../../runs/run-reader.ts";
import { exitCodes } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { formatLogLine, type LogLine, logLine } from "../log-lines.ts";
import { coloursOf, say } from "../output.ts";
import { openStore } from "../places.ts";
import { LineTail } from "../tail.ts";

export const usage = {
  synopsis: "logs RUN [-f] [--level LEVEL]",
  about: "What a run told, oldest first: its log and its events. With -f it goes on until the run ends, or Ctrl+C.",
  flags: {
    ...storeFlags,
    follow: { type: "boolean", short: "f", help: "go on as lines come" },
    level: { type: "string", value: "LEVEL", choices: logLevels, help: "least level that is shown (info)" },
  },
  arguments: [1, 1],
  takesRun: true,
} as const;

const everyMs = 250;

/** `evergreen logs`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const reader = openStore(flags.runs).find(rest[0] ?? "", flags.project);
  const least = logLevels.indexOf((flags.level ?? "info") as LogLevel);
  const tell = (lines: readonly LogLine[]): void => {
    for (const line of lines) if (logLevels.indexOf(line.level) >= least) say(flags.json ? JSON.stringify(line) : coloured(line));
  };
  const files = ["log.jsonl", journalFiles.events].map((file) => new LineTail(join(reader.folder, file)));
  const fresh = (): readonly LogLine[] => inTime(files.flatMap((file) => file.next()));
  tell(inTime([...putAside(reader.folder), ...files.flatMap((file) => file.next())]));
  while (flags.follow && goesOn(reader)) {
    await sleep(everyMs);
    tell(fresh());
  }
  tell(fresh());
  for (const file of files) file.close();
  return exitCodes.done;
}

/** Lines of the logs that were rotated away, oldest first. */
function putAside(folder: string): readonly string[] {
  const ages = readdirSync(folder).flatMap((name) => /^log\.(\d+)\.jsonl$/.exec(name)?.[1] ?? []);
  return ages
    .sort((a, b) => Number(b) - Number(a))
    .map((age) => join(folder, `log.${age}.jsonl`))
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, "utf8").split("\n"));
}

function inTime(lines: readonly string[]): readonly LogLine[] {
  return lines.flatMap((line) => logLine(line) ?? []).sort((a, b) => a.t - b.t);
}

function goesOn(reader: RunReader): boolean {
  return reader.lock().state === "held";
}

function coloured(line: LogLine): string {
  const colours = coloursOf(process.stdout);
  const text = formatLogLine(line);
  if (line.level === "error") return colours.red(text);
  if (line.level === "warn") return colours.yellow(text);
  return line.level === "debug" ? colours.dim(text) : text;
}
