import stringWidth from "string-width";

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Left for names, right for numbers. Default left. */
  readonly align?: "left" | "right";
}

/** A cell that is undefined was not measured and shows as a dash, never as 0. */
export type Cell = string | number | undefined;

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** What stands where nothing was measured. */
const absent = "–";

/** Columns under each other, two blanks between them, no trailing blanks; lines joined by newlines. */
export function textTable({ columns, rows }: Table): string {
  const cells = [columns.map(({ title }) => oneLine(title)), ...rows.map((row) => columns.map((_, c) => oneLine(show(row[c]))))];
  const widths = columns.map((_, c) => Math.max(...cells.map((row) => stringWidth(row[c] ?? ""))));
  return cells
    .map((row) =>
      row
        .map((cell, c) => pad(cell, widths[c] ?? 0, columns[c]?.align))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A table of GitHub's Markdown. Cells are text: nothing in them is markup. */
export function markdownTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => escapeMarkdown(title))),
    `|${columns.map(({ align }) => (align === "right" ? "--:" : "---")).join("|")}|`,
    ...rows.map((row) => line(columns.map((_, c) => escapeMarkdown(show(row[c]))))),
  ].join("\n");
}

/** Tab-separated, for pipes: a header line, empty fields where nothing was measured, tabs and line ends as blanks. */
export function tsvTable({ columns, rows }: Table): string {
  const line = (cells: readonly Cell[]): string => cells.map((cell) => oneLine(cell === undefined ? "" : String(cell))).join("\t");
  return [line(columns.map(({ title }) => title)), ...rows.map((row) => line(columns.map((_, c) => row[c])))].join("\n");
}

/** A share as per cent with the given digits; undefined stays undefined. */
export function percent(share: number | undefined, digits = 1): string | undefined {
  return share === undefined ? undefined : (100 * share).toFixed(digits);
}

/** A cell as people read it. */
export function show(cell: Cell): string {
  return cell === undefined ? absent : String(cell);
}

/** The text without controls, which would move the cursor, or hide what follows, in somebody's terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, " ");
}

function pad(text: string, width: number, align: Column["align"]): string {
  const blanks = " ".repeat(Math.max(0, width - stringWidth(text)));
  return align === "right" ? blanks + text : text + blanks;
}

/** Text that Markdown shows as it is, on one line. */
export function escapeMarkdown(text: string): string {
  return oneLine(text)
    .replace(/[\\`*_[\]|~]/g, "\\$&")
    .replace(/^(\d+(?=[.)](?:\s|$))|(?=[#+-]+(?:\s|$)))/, "$1\\")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;");
}
