import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { syncFolder, writeAll } from "../util/atomic-file.ts";
import { failpoint } from "../util/failpoint.ts";
import type { Json } from "../util/json.ts";
import { checkFormat, type FormatName, formatOf } from "./formats.ts";
import { NonFiniteError, RunFileError, storing } from "./store-error.ts";

const bufferedBytes = 64 * 1024;

/**
 * An append-only file of JSON lines, the first of which names the format. Lines are buffered; `sync` makes them durable and tells
 * the length up to which they are. A write that fails leaves the file as long as it was and the lines in the buffer.
 */
export class Journal {
  readonly path: string;
  private readonly fd: number;
  private size: number;
  private lines: string[] = [];
  private waiting = 0;

  constructor(path: string, format: FormatName) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.fd = openSync(path, "a");
    this.size = fstatSync(this.fd).size;
    if (this.size === 0) this.append({ format: formatOf(format) });
  }

  /** @throws {NonFiniteError} for a number that has no JSON form. */
  append(row: object): void {
    const line = `${JSON.stringify(row, (key, value: unknown) => finite(key, value))}\n`;
    this.lines.push(line);
    this.waiting += line.length;
    if (this.waiting >= bufferedBytes) this.flush();
  }

  /** Hands the buffer to the system, so that readers see it. */
  flush(): void {
    if (this.lines.length === 0) return;
    const data = Buffer.from(this.lines.join(""));
    storing(basename(this.path), () => {
      try {
        writeAll(this.fd, data, "log:append");
      } catch (error) {
        ftruncateSync(this.fd, this.size);
        throw error;
      }
    });
    this.size += data.length;
    this.lines = [];
    this.waiting = 0;
  }

  /** Makes everything durable; the length in bytes. */
  sync(): number {
    this.flush();
    storing(basename(this.path), () => {
      failpoint("log:fsync");
      fsyncSync(this.fd);
    });
    return this.size;
  }

  /** Closes the file; what is still buffered is written first, unless that fails. */
  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.fd);
    }
  }
}

function finite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new NonFiniteError(key, value);
  return value;
}

/** Cuts a journal back to `bytes` and makes that durable. @throws {RunFileError} when it is shorter. */
export function truncateJournal(path: string, bytes: number): void {
  storing(basename(path), () => {
    if (!existsSync(path)) {
      if (bytes === 0) return;
      throw new RunFileError(basename(path), `is missing; expected ${bytes} bytes`);
    }
    const fd = openSync(path, "r+");
    try {
      const { size } = fstatSync(fd);
      if (size < bytes) throw new RunFileError(basename(path), `holds ${size} bytes, expected at least ${bytes}`);
      failpoint("log:truncate");
      ftruncateSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncFolder(dirname(path));
  });
}

/** Rows of a journal without its first line. A last line that was torn by a death is left out. @throws {RunFileError} for any other line that is no JSON. */
export function readJournal(path: string, format: FormatName): readonly Json[] {
  if (!existsSync(path)) return [];
  return parseRows(readFileSync(path, "utf8"), format, path);
}

/** The rows of a journal's text up to its last line end. */
function parseRows(text: string, format: FormatName, path: string): readonly Json[] {
  const lines = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .slice(0, -1);
  const rows = lines.map((line, i): Json => {
    try {
      return JSON.parse(line) as Json;
    } catch {
      throw new RunFileError(basename(path), `line ${i + 1} is not JSON: it was altered`);
    }
  });
  if (rows.length > 0) checkFormat(rows[0], format, path);
  return rows.slice(1);
}
