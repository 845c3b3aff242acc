import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../util/atomic-file.ts";
import { type Checkpoint, type JournalName, type JournalSizes, journalFiles } from "./checkpoint.ts";
import { type CheckpointRequest, type Retention, writeCheckpoint } from "./checkpoint-write.ts";
import type { RunEvent } from "./event.ts";
import { type ItemsKey, itemsPath, packItems } from "./items.ts";
import { Journal } from "./journal.ts";
import type { RunLock } from "./lock.ts";
import { type LogOptions, RunLog } from "./log.ts";
import type { ArtifactId } from "./measurement.ts";
import { type LedgerRow, metricRows, resultRows } from "./rows.ts";
import { type RunRecord, type RunState, readRecord, writeRecord } from "./run-record.ts";
import { NonFiniteError, storing } from "./store-error.ts";

/** What a writer needs beside its folder. */
export interface WriterOptions {
  readonly lock: RunLock;
  readonly retention: Retention;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log?: LogOptions;
  readonly freeBytes?: (folder: string) => number;
}

/** How a process's work on a run ended. */
export interface RunEnd {
  readonly state: Exclude<RunState, "queued" | "running" | "stopping">;
  readonly exit: number;
  readonly code?: string;
  readonly message?: string;
}

/**
 * The one writer of a run folder. Everything is synchronous: the trainer's thread is blocked by native calls anyway, and what
 * returned is written. Events reach readers when the buffer is flushed, and are durable with the next checkpoint.
 */
export class RunWriter {
  readonly folder: string;
  private readonly options: WriterOptions;
  private readonly journals: Readonly<Record<JournalName, Journal>>;
  private readonly log: RunLog;

  constructor(folder: string, options: WriterOptions) {
    options.lock.assertHeld();
    this.folder = folder;
    this.options = options;
    const open = (name: JournalName): Journal => new Journal(join(folder, journalFiles[name]), name);
    this.journals = storing("the journals", () => ({
      events: open("events"),
      metrics: open("metrics"),
      results: open("results"),
      ledger: open("ledger"),
    }));
    this.log = storing("the log", () => new RunLog(folder, { clock: options.clock, ...options.log }));
  }

  /** Stores an event. Steps become rows of metrics.jsonl, evaluations also rows of eval/results.jsonl. @throws {NonFiniteError} */
  append(event: RunEvent): void {
    const t = this.options.clock();
    if (event.type === "step") {
      const rows = metricRows(event, t);
      const bad = rows.find(({ v }) => !Number.isFinite(v));
      if (bad) throw new NonFiniteError(`task ${event.task}, step ${event.step}: ${bad.k}`, bad.v);
      for (const row of rows) this.journals.metrics.append(row);
      return;
    }
    this.journals.events.append({ t, ...event });
    if (event.type === "evaluated") for (const row of resultRows(event, t)) this.journals.results.append(row);
  }

  /** Stores what was drawn. */
  draw(row: LedgerRow): void {
    this.journals.ledger.append(row);
  }

  /** A line for people, in log.jsonl. */
  note(level: Parameters<RunLog["write"]>[0], message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log.write(level, message, fields);
  }

  /** Hands buffered rows to the system, for readers that follow the run. */
  flush(): void {
    for (const journal of Object.values(this.journals)) journal.flush();
  }

  /** Stores each item's outcome of one metric of one evaluation. */
  saveItems(key: ItemsKey, outcomes: ArrayLike<number | boolean>): ArtifactId {
    const id = itemsPath(key);
    storing(id, () => {
      mkdirSync(dirname(join(this.folder, id)), { recursive: true });
      writeFileAtomic(join(this.folder, id), packItems(outcomes), "items");
    });
    return id;
  }

  /** Makes a checkpoint and stores its `saved` event. @throws {DiskFullError} or {StorageError}; the checkpoints before stand. */
  saveCheckpoint(request: CheckpointRequest): Checkpoint {
    this.options.lock.assertHeld();
    const { retention, clock, freeBytes } = this.options;
    const began = clock();
    const checkpoint = writeCheckpoint(request, {
      runFolder: this.folder,
      retention,
      now: clock,
      syncJournals: () => this.sync(),
      onLeftover: (name, error) => this.note("warn", `checkpoint ${name} could not be removed`, { error: String(error) }),
      ...(freeBytes ? { freeBytes } : {}),
    });
    this.append(savedEvent(checkpoint, clock() - began));
    return checkpoint;
  }

  /** Changes run.json. */
  update(change: Partial<Omit<RunRecord, "format" | "id" | "created">>): RunRecord {
    const record = { ...readRecord(this.folder), ...change, updated: new Date(this.options.clock()).toISOString() };
    writeRecord(this.folder, record);
    return record;
  }

  /** Makes all rows durable, writes how this attempt ended, and closes the files. The lock stays with its owner. */
  end({ state, exit, code, message }: RunEnd): void {
    try {
      this.sync();
      const record = readRecord(this.folder);
      const last = record.attempts.at(-1);
      const ended = {
        ended: new Date(this.options.clock()).toISOString(),
        exit,
        ...(code ? { code } : {}),
        ...(message ? { message } : {}),
      };
      this.update({ state, exit, attempts: [...record.attempts.slice(0, -1), ...(last ? [{ ...last, ...ended }] : [])] });
    } finally {
      this.close();
    }
  }

  /** Closes the files without a word on how the run ended. */
  close(): void {
    const failures: unknown[] = [];
    for (const file of [...Object.values(this.journals), this.log]) {
      try {
        file.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  private sync(): JournalSizes {
    const { events, metrics, results, ledger } = this.journals;
    return { events: events.sync(), metrics: metrics.sync(), results: results.sync(), ledger: ledger.sync() };
  }
}

/** What the journal says of a checkpoint. */
export function savedEvent({ task, step, kind, name, bytes }: Checkpoint, durationMs?: number): RunEvent {
  return { type: "saved", task, step, kind, checkpoint: name, bytes, ...(durationMs === undefined ? {} : { durationMs }) };
}
