import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { failpoint } from "../util/failpoint.ts";
import { Journal } from "./journal.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  /** Lines below it are dropped. */
  readonly level?: LogLevel;
  /** Process of a distributed run; 0 writes log.jsonl, others log.r0003.jsonl. */
  readonly rank?: number;
  /** A file that grows beyond it is put aside. */
  readonly maxBytes?: number;
  /** Files kept beside the current one. */
  readonly keep?: number;
  readonly clock?: () => number;
}

/** What a program says while it runs, for people: never cut back on resume, rotated by size. */
export class RunLog {
  private readonly folder: string;
  private readonly stem: string;
  private readonly least: number;
  private readonly maxBytes: number;
  private readonly keep: number;
  private readonly clock: () => number;
  private journal: Journal;
  private written = 0;

  constructor(folder: string, { level = "info", rank = 0, maxBytes = 8_000_000, keep = 4, clock = Date.now }: LogOptions = {}) {
    this.folder = folder;
    this.stem = rank === 0 ? "log" : `log.r${String(rank).padStart(4, "0")}`;
    this.least = logLevels.indexOf(level);
    this.maxBytes = maxBytes;
    this.keep = keep;
    this.clock = clock;
    this.journal = new Journal(this.path(0), "log");
  }

  /** One line, at once handed to the system. */
  write(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (logLevels.indexOf(level) < this.least) return;
    this.journal.append({ t: this.clock(), level, message, ...fields });
    this.journal.flush();
    this.written += message.length + 64;
    if (this.written >= 4096 && this.journal.sync() > this.maxBytes) this.rotate();
    if (this.written >= 4096) this.written = 0;
  }

  close(): void {
    this.journal.close();
  }

  /** log.jsonl becomes log.1.jsonl, that log.2.jsonl, and the last one goes. */
  private rotate(): void {
    this.journal.close();
    rmSync(this.path(this.keep), { force: true });
    for (let i = this.keep - 1; i >= 0; i--) {
      failpoint("log:rotate");
      if (existsSync(this.path(i))) renameSync(this.path(i), this.path(i + 1));
    }
    this.journal = new Journal(this.path(0), "log");
  }

  private path(age: number): string {
    return join(this.folder, age === 0 ? `${this.stem}.jsonl` : `${this.stem}.${age}.jsonl`);
  }
}
