import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import type { ComponentSpec } from "../util/component.ts";
import { augments, loadAugment, type Preprocess } from "./augment.ts";
import { LoaderError, UnreadableImageError } from "./data-error.ts";
import type { DecodeOptions } from "./decode.ts";
import { Crew } from "./loader-crew.ts";
import type { RowRequest, WorkerReport } from "./loader-messages.ts";
import { describeLocation } from "./read-image.ts";
import { Ring, rowState } from "./ring.ts";
import { SharedRawFiles } from "./shared-raw-files.ts";
import type { SampleId } from "./source.ts";

export type { RowRequest } from "./loader-messages.ts";

export interface LoaderOptions {
  /** Of the draws; see training.md §13. */
  readonly seed: number;
  readonly preprocess: Preprocess;
  /** What a row's `transform` may name: `{ train: { name: "openclip" }, test: { name: "none" } }`. */
  readonly transforms: Readonly<Record<string, ComponentSpec>>;
  readonly maxRows: number;
  /** Threads; default one per processor, at most four (libuv decodes four at a time). Never changes a bit of a batch. */
  readonly workers?: number;
  /** Batches ready ahead, at least 2. Default 4. */
  readonly depth?: number;
  /** Without any row finished for so long, the loader gives up. Default a minute. */
  readonly timeoutMs?: number;
  readonly decode?: DecodeOptions;
  /** Decoded images kept over all workers. Default none. */
  readonly cacheBytes?: number;
  /** Files of raw pixels up to this size are read once and shared by all workers. Default 2 GiB. */
  readonly sharedRawBytes?: number;
}

/** What is to be loaded. Steps are taken in order. */
export interface LoaderPlan {
  readonly firstStep: number;
  /** The rows of a step; undefined after the last one. Pure: it is asked ahead of time. */
  rowsAt(step: number): readonly RowRequest[] | undefined;
  /**
   * The row that stands in for one that cannot be read, for the attempt-th time (from 1): the next index of its source. Without this function, or where it gives
   * nothing, an unreadable image is an error.
   */
  replace?(row: RowRequest, attempt: number): RowRequest | undefined;
}

/** A row that was replaced. */
interface SkippedRow {
  readonly row: number;
  readonly id: SampleId;
  readonly reason: string;
  readonly replacedBy: SampleId;
}

export interface Batch {
  readonly step: number;
  /** As loaded: replacements stand in the place of what they replaced. */
  readonly rows: readonly RowRequest[];
  /** uint8 [B, 3, S, S], in shared memory; valid until the next `take`, `start` or `close`. */
  readonly images: Uint8Array;
  readonly skipped: readonly SkippedRow[];
  /** How long `take` had to wait. */
  readonly waitMs: number;
}

/** Starts the workers. Afterwards nothing depends on the caller's event loop. @throws {LoaderError} when a worker cannot start. */
export async function createLoader(options: LoaderOptions): Promise<Loader> {
  const { preprocess, seed, transforms, maxRows } = options;
  // Read here as well: a mistake in them is the caller's error, not a worker's death.
  await Promise.all(Object.values(transforms).map(loadAugment));
  const workers = options.workers ?? Math.min(4, availableParallelism());
  const ring = Ring.create({ depth: Math.max(2, options.depth ?? 4), maxRows, rowBytes: 3 * preprocess.size ** 2 });
  const cacheBytes = Math.floor((options.cacheBytes ?? 0) / workers);
  const crew = await Crew.start(workers, {
    ring: ring.memory,
    seed,
    transforms,
    plugins: augments.pluginFolders(),
    preprocess,
    decode: options.decode ?? {},
    cacheBytes,
    lanes: 2,
  });
  return new Loader(ring, crew, options);
}

/** A batch under way. */
interface Slot {
  readonly step: number;
  readonly epoch: number;
  readonly rows: RowRequest[];
  readonly attempts: Map<number, number>;
  readonly skipped: Omit<SkippedRow, "replacedBy">[];
}

type Failure = Extract<WorkerReport, { readonly kind: "failed" }>;

/** Batches in order, made ahead by worker threads. */
export class Loader {
  private readonly ring: Ring;
  private readonly crew: Crew;
  private readonly timeoutMs: number;
  private readonly raw: SharedRawFiles;
  private readonly slots: (Slot | undefined)[];
  private failures: Failure[] = [];
  private plan: LoaderPlan | undefined;
  private nextToSend = 0;
  private nextToTake = 0;
  private epoch = 0;

  constructor(ring: Ring, crew: Crew, options: Pick<LoaderOptions, "timeoutMs" | "sharedRawBytes">) {
    this.ring = ring;
    this.crew = crew;
    this.timeoutMs = options.timeoutMs ?? 60_000;
    this.raw = new SharedRawFiles(options.sharedRawBytes ?? 2 ** 31);
    this.slots = Array.from({ length: ring.memory.shape.depth });
  }

  /** Begins a plan; what was made ahead for the one before is dropped. */
  start(plan: LoaderPlan): void {
    this.slots.forEach((slot, at) => {
      if (!slot) return;
      this.wait(at, slot, Math.min(slot.rows.length, this.ring.cancel(at, slot.epoch)));
      this.slots[at] = undefined;
    });
    this.drain();
    this.failures = [];
    this.plan = plan;
    this.nextToSend = plan.firstStep;
    this.nextToTake = plan.firstStep;
    this.fill();
  }

  /**
   * The batch of the next step; undefined after the last. Sleeps in `Atomics.wait` until it is ready.
   * @throws {UnreadableImageError} for an image that nothing replaces; {LoaderError} when a worker died or nothing was finished for too long.
   */
  take(step: number): Batch | undefined {
    if (step !== this.nextToTake) throw new Error(`internal: the loader's next batch is ${this.nextToTake}, ${step} was asked for`);
    this.release(step - 1);
    this.fill();
    const at = step % this.slots.length;
    const slot = this.slots[at];
    if (slot?.step !== step) return undefined;
    const began = performance.now();
    do this.wait(at, slot, slot.rows.length);
    while (this.mend(at, slot));
    this.nextToTake = step + 1;
    const skipped = slot.skipped.map((skip) => ({ ...skip, replacedBy: slot.rows[skip.row]?.id ?? skip.id }));
    return { step, rows: slot.rows, images: this.ring.pixels(at, slot.rows.length), skipped, waitMs: performance.now() - began };
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await this.crew.close();
  }

  private release(step: number): void {
    const at = step % this.slots.length;
    if (this.slots[at]?.step === step) this.slots[at] = undefined;
  }

  /** Sends orders for every free slot. */
  private fill(): void {
    while (this.plan && this.nextToSend < this.nextToTake + this.slots.length) {
      const rows = this.plan.rowsAt(this.nextToSend);
      if (!rows) return;
      this.send(this.nextToSend++, rows);
    }
  }

  private send(step: number, rows: readonly RowRequest[]): void {
    const { maxRows } = this.ring.memory.shape;
    if (rows.length > maxRows) throw new Error(`internal: step ${step} has ${rows.length} rows, the loader was made for ${maxRows}`);
    const slot = step % this.slots.length;
    const epoch = this.epoch++;
    this.slots[slot] = { step, epoch, rows: [...rows], attempts: new Map(), skipped: [] };
    this.ring.reset(slot, epoch);
    this.shareFiles(rows);
    this.crew.tellAll({ kind: "batch", slot, epoch, rows });
  }

  private shareFiles(rows: readonly RowRequest[]): void {
    for (const { path, bytes } of this.raw.fresh(rows.map((row) => row.image))) this.crew.tellAll({ kind: "file", path, bytes });
  }

  private wait(at: number, slot: Slot, rows: number): void {
    let seen = this.ring.finished(at);
    let since = performance.now();
    while (seen < rows) {
      this.ring.sleep(at, seen, Math.min(100, this.timeoutMs));
      if (this.ring.hasDead()) this.drain();
      const now = this.ring.finished(at);
      if (now !== seen) since = performance.now();
      seen = now;
      if (seen < rows && performance.now() - since > this.timeoutMs) throw this.tooLong(at, slot);
    }
  }

  private tooLong(at: number, slot: Slot): LoaderError {
    const stuck = slot.rows.filter((_, row) => this.ring.state(at, row) === rowState.reading);
    const names = stuck.map((row) => `${row.id} (${describeLocation(row.image)})`).join(", ");
    return new LoaderError(
      `step ${slot.step}: no image was finished for ${this.timeoutMs} ms; ${names === "" ? "no worker took a row" : `being read: ${names}`}`,
      "see whether the files can be read at all, and whether memory ran short",
    );
  }

  /** Takes what the workers reported. @throws {LoaderError} when one of them died. */
  private drain(): void {
    for (const report of this.crew.reports()) {
      if (report.kind === "died")
        throw new LoaderError(`a data worker died: ${report.message}`, "this is a defect of Evergreen; please report it");
      this.failures.push(report);
    }
  }

  /** Orders replacements for what failed; false when the batch is whole. */
  private mend(at: number, slot: Slot): boolean {
    this.drain();
    const failed = this.failures.filter((failure) => failure.slot === at).sort((a, b) => a.row - b.row);
    this.failures = this.failures.filter((failure) => failure.slot !== at);
    for (const failure of failed) this.replaceRow(slot, failure);
    return failed.length > 0;
  }

  private replaceRow(slot: Slot, { slot: at, row, message, isData }: Failure): void {
    const request = slot.rows[row];
    if (!request) throw new Error(`internal: a worker reported row ${row} of ${slot.rows.length}`);
    if (!isData) throw new LoaderError(`step ${slot.step}, ${request.id}: ${message}`, "this is a defect of Evergreen; please report it");
    const attempt = (slot.attempts.get(row) ?? 0) + 1;
    const instead = this.plan?.replace?.(request, attempt);
    if (!instead) throw new UnreadableImageError(request.id, message);
    slot.attempts.set(row, attempt);
    slot.skipped.push({ row, id: request.id, reason: message });
    slot.rows[row] = instead;
    this.ring.retry(at, row);
    this.shareFiles([instead]);
    this.crew.tellOne({ kind: "again", slot: at, row, request: instead });
  }
}
