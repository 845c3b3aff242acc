import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { journalFiles } from "../runs/checkpoint.ts";
import type { Scores, StoredEvent } from "../runs/event.ts";
import { readJournal } from "../runs/journal.ts";
import type { Measurement } from "../runs/measurement.ts";
import type { MetricRow } from "../runs/rows.ts";
import type { RunReader } from "../runs/run-reader.ts";
import type { RunRecord, RunState } from "../runs/run-record.ts";

/** What a line of a list says of a run. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  /** `died`: its record says that it runs, and no living process holds it. */
  readonly state: RunState | "died";
  /** Task under way or done last, counting from 1; 0 before the first. */
  readonly task: number;
  readonly tasks: number;
  readonly step: number;
  readonly steps: number;
  readonly ka?: Measurement;
  readonly zs?: Measurement;
  readonly created: string;
  readonly updated: string;
  readonly folder: string;
}

/** Reads what a list shows: the record, the plan, the events that are no steps, and the last line of the metrics. */
export function summaryOf(reader: RunReader): RunSummary {
  const { id, name, project, created, updated } = reader.record();
  const { tasks } = reader.plan();
  const events = readJournal(join(reader.folder, journalFiles.events), "events") as unknown as readonly StoredEvent[];
  const started = events.findLast((event) => event.type === "task-started");
  const scores = events.findLast((event): event is StoredEvent & { readonly scores: Scores } => event.type === "scored")?.scores;
  return {
    id,
    name,
    project,
    state: stateOf(reader),
    task: started?.type === "task-started" ? started.task + 1 : 0,
    tasks: tasks.length,
    step: lastStep(reader.folder),
    steps: tasks.reduce((sum, { steps }) => sum + steps, 0),
    ...(scores?.ka ? { ka: scores.ka } : {}),
    ...(scores?.zs ? { zs: scores.zs } : {}),
    created,
    updated,
    folder: reader.folder,
  };
}

/** The recorded state, unless its process is gone without a word. */
export function stateOf(reader: RunReader, record: RunRecord = reader.record()): RunSummary["state"] {
  const { state } = record;
  const goesOn = state === "running" || state === "stopping";
  return goesOn && reader.lock().state !== "held" ? "died" : state;
}

const tailBytes = 4096;

/** Step of the last complete line of metrics.jsonl, without reading the file. */
function lastStep(folder: string): number {
  let file: number;
  try {
    file = openSync(join(folder, journalFiles.metrics), "r");
  } catch {
    return 0;
  }
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, tailBytes));
    readSync(file, tail, 0, tail.length, size - tail.length);
    const line = tail.toString().split("\n").slice(0, -1).at(-1) ?? "";
    return (JSON.parse(line) as Partial<MetricRow>).s ?? 0;
  } catch {
    return 0;
  } finally {
    closeSync(file);
  }
}
