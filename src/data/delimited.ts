import { createReadStream } from "node:fs";
import { DataError, DataLimitError } from "./data-error.ts";

const maxFieldLength = 1 << 20;
const maxFields = 10_000;

/** A row and the line of the file it begins on, from 1. */
export interface Row {
  readonly line: number;
  readonly fields: readonly string[];
}

/** The rows of a CSV or TSV file (RFC 4180: quotes around fields, doubled inside; line breaks in quotes; LF, CRLF or CR; a byte order mark is skipped). */
export async function* delimitedRows(path: string, separator: string): AsyncGenerator<Row> {
  const parser = new DelimitedParser(path, separator);
  for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 20 })) yield* parser.push(chunk as string);
  yield* parser.end();
}

class DelimitedParser {
  private readonly path: string;
  private readonly separator: string;
  private fields: string[] = [];
  private field = "";
  private state: "start" | "plain" | "quoted" | "closed" = "start";
  private line = 1;
  private rowLine = 1;
  private isFirst = true;
  private afterReturn = false;

  constructor(path: string, separator: string) {
    this.path = path;
    this.separator = separator;
  }

  *push(text: string): Generator<Row> {
    for (const c of this.isFirst ? text.replace(/^\ufeff/, "") : text) {
      const isBreakRest = c === "\n" && this.afterReturn;
      this.afterReturn = c === "\r";
      if (c === "\0") throw new DataError(`${this.path}:${this.line}: a NUL character`, { fix: "save the table as UTF-8 text" });
      if (isBreakRest && this.state !== "quoted") continue;
      if ((c === "\n" && !isBreakRest) || c === "\r") this.line++;
      if (this.state === "quoted") this.inQuotes(c);
      else if (c === "\n" || c === "\r") yield* this.endRow();
      else this.outsideQuotes(c);
    }
    this.isFirst &&= text === "";
  }

  *end(): Generator<Row> {
    if (this.state === "quoted")
      throw new DataError(`${this.path}:${this.rowLine}: a quote is never closed`, { fix: "double quotes inside a field" });
    yield* this.endRow();
  }

  private inQuotes(c: string): void {
    if (c === '"') this.state = "closed";
    else this.add(c);
  }

  private outsideQuotes(c: string): void {
    if (c === this.separator) {
      this.fields.push(this.field);
      if (this.fields.length > maxFields) throw new DataLimitError(`${this.path}:${this.rowLine}: more than ${maxFields} fields`);
      this.field = "";
      this.state = "start";
    } else if (c === '"' && this.state !== "plain") {
      if (this.state === "closed") this.add(c);
      this.state = "quoted";
    } else {
      this.add(c);
      this.state = this.state === "closed" ? "closed" : "plain";
    }
  }

  private add(c: string): void {
    this.field += c;
    if (this.field.length > maxFieldLength)
      throw new DataLimitError(`${this.path}:${this.rowLine}: a field is longer than ${maxFieldLength} characters`, "is a quote missing?");
  }

  private *endRow(): Generator<Row> {
    const isEmpty = this.fields.length === 0 && this.field === "" && this.state === "start";
    if (!isEmpty) yield { line: this.rowLine, fields: [...this.fields, this.field] };
    this.fields = [];
    this.field = "";
    this.state = "start";
    this.rowLine = this.line;
  }
}

/** The separator that a header line uses most outside quotes: tab, comma or semicolon. */
export function separatorOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, "");
  const counted = ["\t", ",", ";"].map((separator) => [bare.split(separator).length, separator] as const);
  return counted.reduce((best, next) => (next[0] > best[0] ? next : best))[1];
}
