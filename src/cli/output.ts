import { relative } from "node:path";
import pc from "picocolors";
import stringWidth from "string-width";
import { oneLine, type Table, textTable, tsvTable } from "../report/table.ts";
import type { Env } from "../util/paths.ts";

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Width for a stream: `COLUMNS` where it is set, else the terminal's, else `otherwise`. */
export function widthOf({ columns }: Stream, otherwise: number, env: Env = process.env): number {
  const said = Number(env.COLUMNS);
  return Number.isInteger(said) && said > 0 ? said : (columns ?? otherwise);
}

/** Colours of a stream: none into files and pipes, none where `NO_COLOR` or `--no-color` says so, always with `FORCE_COLOR`. */
export function coloursOf(
  stream: Stream,
  env: Env = process.env,
  argv: readonly string[] = process.argv,
): ReturnType<typeof pc.createColors> {
  if (env.NO_COLOR || argv.includes("--no-color")) return pc.createColors(false);
  if (env.FORCE_COLOR && env.FORCE_COLOR !== "0") return pc.createColors(true);
  return pc.createColors(stream.isTTY === true && env.TERM !== "dumb");
}

/** A line of the result. */
export function say(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** A line of the story beside the result. */
export function aside(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The result for machines. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
}

/** A table of the result: aligned and cut to the width on a terminal, tab-separated into a pipe. */
export function sayTable(table: Table): void {
  if (process.stdout.isTTY) {
    const [head = "", ...rows] = textTable(fitTable(table, widthOf(process.stdout, 120))).split("\n");
    say([coloursOf(process.stdout).dim(head), ...rows].join("\n"));
  } else say(tsvTable(table));
}

/** Narrowest that a column of text is made. */
const narrowest = 8;

/** The table with its widest columns of text cut, so that a line fits into `width` where that can be. Numbers are never cut. */
export function fitTable({ columns, rows }: Table, width: number): Table {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "string" ? oneLine(cell) : cell)));
  const widths = columns.map(({ title }, c) => Math.max(stringWidth(title), ...cells.map((row) => stringWidth(String(row[c] ?? "–")))));
  const least = columns.map(({ title, align }, c) => (align === "right" ? (widths[c] ?? 0) : Math.max(narrowest, stringWidth(title))));
  for (let over = widths.reduce((sum, each) => sum + each + 2, -2) - width; over > 0; over--) {
    const room = widths.map((each, c) => (each > (least[c] ?? 0) ? each : 0));
    const widest = room.indexOf(Math.max(...room));
    if (room[widest] === 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return { columns, rows: cells.map((row) => row.map((cell, c) => (typeof cell === "string" ? cut(cell, widths[c] ?? 0) : cell))) };
}

/** The text in at most `width` columns, ended by an ellipsis where it was cut. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Lines of a name and what it says, names under each other. */
export function sayFacts(facts: readonly (readonly [name: string, text: string | undefined])[]): void {
  const told = facts.flatMap(([name, text]) => (text === undefined ? [] : [[name, oneLine(text)] as const]));
  const width = Math.max(...told.map(([name]) => name.length)) + 2;
  const { dim } = coloursOf(process.stdout);
  for (const [name, text] of told) say(process.stdout.isTTY ? `${dim(name.padEnd(width))}${text}` : `${name}\t${text}`);
}

/** `2026-11-25 22:48:30 +01:00`: a time in the zone of this machine, with its offset. */
export function localTime(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const shifted = new Date(ms + minutes * 60_000).toISOString();
  const offset = `${minutes < 0 ? "-" : "+"}${String(Math.floor(Math.abs(minutes) / 60)).padStart(2, "0")}:${String(Math.abs(minutes) % 60).padStart(2, "0")}`;
  return `${shifted.slice(0, 10)} ${shifted.slice(11, 19)} ${offset}`;
}

/** `3m`, `5h`, `12d`: how long ago, to one unit. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** `61.3`, or with half the 95 % interval's width `61.3 ± 0.2`: a share in per cent. */
export function formatShare(
  measured: { readonly value: number; readonly interval?: readonly [number, number] } | undefined,
  withSpread: boolean,
): string | undefined {
  if (!measured) return undefined;
  const { value, interval } = measured;
  const text = (100 * value).toFixed(1);
  return withSpread && interval ? `${text} ± ${(50 * (interval[1] - interval[0])).toFixed(1)}` : text;
}

/** `1 task`, `3 tasks`. */
export const counted = (n: number, thing: string): string => `${n} ${thing}${n === 1 ? "" : "s"}`;

/** A path as it is shorter to read: relative to the current folder where it lies below it. */
export function fromHere(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside === "" ? "." : inside.startsWith("..") ? path : inside;
}

/** How the command is called here: a checkout has it behind npx, an installed package on the path. */
export function commandName(env: Readonly<Record<string, string | undefined>>): string {
  return env.npm_command === undefined && env.npm_lifecycle_event === undefined ? "evergreen" : "npx evergreen";
}
