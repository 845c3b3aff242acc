import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf, sha256 } from "../util/hash.ts";
import { type Checkpoint, checkpointNames, journalFiles, type RefusedCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import type { StoredEvent } from "./event.ts";
import { readFormatted } from "./formats.ts";
import { readJournal } from "./journal.ts";
import { type LockState, lockState } from "./lock.ts";
import type { PlanContent } from "./plan.ts";
import { interleave, type LedgerRow, type MetricRow, type ResultRow, stepEvents, timingKeys } from "./rows.ts";
import { type RunRecord, readRecord } from "./run-record.ts";

/** plan.json: the plan without the configuration, which config.yaml holds with its references. */
export interface StoredPlan extends Omit<PlanContent, "spec"> {
  readonly format: string;
  readonly hash: string;
}

/** What two runs must agree on to be the same run: times and speeds are left out. */
export interface RunDigests {
  readonly metrics: string;
  readonly results: string;
  /** Per-item outcomes by file. */
  readonly items: string;
  readonly ledger: string;
}

/** A run folder, read. It may be written meanwhile: every call reads anew, up to the last complete line. */
export class RunReader {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** run.json. */
  record(): RunRecord {
    return readRecord(this.folder);
  }

  /** plan.json. */
  plan(): StoredPlan {
    return readFormatted<StoredPlan>(join(this.folder, "plan.json"), "plan");
  }

  /** Who writes the run now. */
  lock(): LockState {
    return lockState(this.folder);
  }

  /** All events, steps among them, in the order of time. */
  events(): readonly StoredEvent[] {
    const others = this.rows("events") as unknown as readonly StoredEvent[];
    return interleave(stepEvents(this.metrics()), others);
  }

  metrics(): readonly MetricRow[] {
    return this.rows("metrics") as unknown as readonly MetricRow[];
  }

  results(): readonly ResultRow[] {
    return this.rows("results") as unknown as readonly ResultRow[];
  }

  ledger(): readonly LedgerRow[] {
    return this.rows("ledger") as unknown as readonly LedgerRow[];
  }

  /** Every folder that looks like a checkpoint, newest first, each verified by digest. */
  checkpoints(): readonly (Checkpoint | RefusedCheckpoint)[] {
    return checkpointNames(this.folder).map((name) => verifyCheckpoint(this.folder, name));
  }

  /** Digests of what the run produced beside its weights. */
  digests(): RunDigests {
    const folder = join(this.folder, "eval", "items");
    const items = existsSync(folder)
      ? readdirSync(folder)
          .filter((file) => file.endsWith(".bits"))
          .sort()
      : [];
    return {
      metrics: hashOf(this.metrics().flatMap(({ t: _, ...row }) => (timingKeys.has(row.k) ? [] : [row]))),
      results: hashOf(this.results().map(({ t: _t, seconds: _s, ...row }) => row)),
      items: hashOf(items.map((file) => [file, sha256(readFileSync(join(folder, file)))])),
      ledger: hashOf(this.ledger()),
    };
  }

  private rows(name: keyof typeof journalFiles): ReturnType<typeof readJournal> {
    return readJournal(join(this.folder, journalFiles[name]), name);
  }
}
