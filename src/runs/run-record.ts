import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../util/atomic-file.ts";
import { formatted, readFormatted } from "./formats.ts";
import { storing } from "./store-error.ts";

export type RunState = "queued" | "running" | "stopping" | "done" | "failed" | "preempted";

/** One process's work on a run. Kept for good: the journals are cut back on resume, this is not. */
export interface RunAttempt {
  readonly started: string;
  readonly pid: number;
  readonly host: string;
  /** Checkpoint it began from. */
  readonly from?: string;
  readonly ended?: string;
  readonly exit?: number;
  readonly code?: string;
  readonly message?: string;
}

/** run.json: what can be said of a run without reading its journals. */
export interface RunRecord {
  readonly format: string;
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly state: RunState;
  readonly planHash: string;
  readonly created: string;
  readonly updated: string;
  readonly git?: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Runs whose weights this one started from. */
  readonly parents: readonly string[];
  readonly attempts: readonly RunAttempt[];
  readonly exit?: number;
  /** Where data and weights lay when the run was made: hints for a folder that was moved, never needed otherwise. */
  readonly paths: Readonly<Record<string, string>>;
}

/** True when the folder holds a run: run.json is written last. */
export function holdsRun(folder: string): boolean {
  return existsSync(join(folder, "run.json"));
}

/** @throws {RunFileError} */
export function readRecord(folder: string): RunRecord {
  return readFormatted<RunRecord>(join(folder, "run.json"), "run");
}

/** Replaces run.json. */
export function writeRecord(folder: string, record: Omit<RunRecord, "format">): void {
  const { format: _, ...content } = record as RunRecord;
  storing("run.json", () => writeFileAtomic(join(folder, "run.json"), formatted("run", content), "run"));
}
