import { parentPort, workerData } from "node:worker_threads";
import sharp from "sharp";
import { createRandom, type Random } from "../util/random.ts";
import { type Augment, augments, loadAugment } from "./augment.ts";
import { DataError, reasonOf } from "./data-error.ts";
import type { RowRequest, WorkerOrder, WorkerReport, WorkerSetup } from "./loader-messages.ts";
import { ImageReader } from "./read-image.ts";
import { Ring, rowState } from "./ring.ts";

type Work = () => Promise<void>;

/** Fills the ring's slots. Everything it says goes through shared memory or a port that the consumer reads synchronously. */
class DataWorker {
  private readonly setup: WorkerSetup;
  private readonly ring: Ring;
  private readonly random: Random;
  private readonly files = new Map<string, SharedArrayBuffer>();
  private readonly reader: ImageReader;
  private readonly transforms = new Map<string, Augment>();
  /** Orders in their turn; each gives work until it has no more. */
  private readonly queue: (() => Work | undefined)[] = [];
  private idle: number;

  constructor(setup: WorkerSetup) {
    this.setup = setup;
    this.ring = new Ring(setup.ring);
    this.random = createRandom(setup.seed);
    this.reader = new ImageReader({ decode: setup.decode, shared: this.files, cacheBytes: setup.cacheBytes });
    this.idle = setup.lanes;
  }

  async prepare(): Promise<void> {
    augments.extend(this.setup.plugins.map((folder) => new URL(folder)));
    for (const [key, spec] of Object.entries(this.setup.transforms)) this.transforms.set(key, await loadAugment(spec));
  }

  receive(order: WorkerOrder): void {
    if (order.kind === "file") {
      this.files.set(order.path, order.bytes);
      return;
    }
    if (order.kind === "batch") this.queue.push(() => this.claim(order));
    else {
      const only = [() => this.row(order.slot, order.row, order.request)];
      this.queue.unshift(() => only.pop());
    }
    // Counted first: a lane that finds nothing to do is idle again at once.
    for (let free = this.idle; free > 0; free--) void this.lane();
  }

  private async lane(): Promise<void> {
    this.idle--;
    for (let work = this.nextWork(); work; work = this.nextWork()) await work();
    this.idle++;
  }

  private nextWork(): Work | undefined {
    for (let entry = this.queue[0]; entry; entry = this.queue[0]) {
      const work = entry();
      if (work) return work;
      this.queue.shift();
    }
    return undefined;
  }

  private claim({ slot, epoch, rows }: Extract<WorkerOrder, { readonly kind: "batch" }>): Work | undefined {
    const row = this.ring.claim(slot, epoch, rows.length);
    const request = row === undefined ? undefined : rows[row];
    return row === undefined || request === undefined ? undefined : () => this.row(slot, row, request);
  }

  private async row(slot: number, row: number, request: RowRequest): Promise<void> {
    try {
      const { preprocess } = this.setup;
      const augment = this.transforms.get(request.transform);
      if (!augment) throw new Error(`internal: the loader has no transform "${request.transform}"`);
      const { purpose, task, index } = request.draws;
      const image = await this.reader.open(request.image);
      const pixels = await augment(image, { preprocess, draws: this.random.at(purpose, { task, index }) });
      this.store(slot, row, pixels);
      this.ring.finish(slot, row, rowState.ready);
    } catch (error) {
      this.report({ kind: "failed", slot, row, message: reasonOf(error), isData: error instanceof DataError });
      this.ring.finish(slot, row, rowState.failed);
    }
  }

  /** [S, S, 3] to [3, S, S]. */
  private store(slot: number, row: number, pixels: Uint8Array): void {
    const { rowBytes, maxRows } = this.setup.ring.shape;
    const out = this.ring.pixels(slot, maxRows).subarray(row * rowBytes, (row + 1) * rowBytes);
    const plane = rowBytes / 3;
    for (let i = 0, p = 0; i < plane; i++, p += 3) {
      out[i] = pixels[p] as number;
      out[plane + i] = pixels[p + 1] as number;
      out[2 * plane + i] = pixels[p + 2] as number;
    }
  }

  report(report: WorkerReport): void {
    this.setup.reports.postMessage(report);
  }

  die(error: unknown): void {
    this.report({ kind: "died", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    this.ring.declareDead();
  }
}

async function main(): Promise<void> {
  const worker = new DataWorker(workerData as WorkerSetup);
  // libvips' own threads would compete with the trainer's, and its cache of operations never hits here.
  sharp.concurrency(1);
  sharp.cache(false);
  await worker.prepare();
  parentPort?.on("message", (order: WorkerOrder) => worker.receive(order));
  // From here on the consumer may sleep without an event loop, so a death is told through the ring; before, it is an error event.
  process.on("uncaughtException", (error) => worker.die(error));
  process.on("unhandledRejection", (error) => worker.die(error));
  process.on("exit", () => worker.die(new Error("the thread ended")));
  parentPort?.postMessage("ready");
}

await main();
