import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from "node:worker_threads";
import { LoaderError } from "./data-error.ts";
import type { WorkerOrder, WorkerReport, WorkerSetup } from "./loader-messages.ts";
import { startWorker } from "./worker-start.ts";

interface Member {
  readonly worker: Worker;
  readonly reports: MessagePort;
}

/** The loader's threads. Orders go out and reports come in without the event loop of the thread that holds the crew. */
export class Crew {
  private readonly members: readonly Member[];
  private turn = 0;

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** Resolves when every thread is ready. @throws {LoaderError} when one cannot start. */
  static async start(count: number, setup: Omit<WorkerSetup, "reports">): Promise<Crew> {
    const members: Member[] = [];
    for (let i = 0; i < count; i++) {
      const { port1, port2 } = new MessageChannel();
      const worker = await startWorker("loader-worker", {
        workerData: { ...setup, reports: port2 },
        transferList: [port2],
        name: `data-${i}`,
      });
      members.push({ worker, reports: port1 });
    }
    const crew = new Crew(members);
    try {
      await Promise.all(members.map(({ worker }) => isReady(worker)));
    } catch (error) {
      await crew.close();
      throw error;
    }
    return crew;
  }

  tellAll(order: WorkerOrder): void {
    for (const { worker } of this.members) worker.postMessage(order);
  }

  /** To one of them, in turn. */
  tellOne(order: WorkerOrder): void {
    this.members[this.turn++ % this.members.length]?.worker.postMessage(order);
  }

  /** What was reported since the last time. */
  reports(): WorkerReport[] {
    const found: WorkerReport[] = [];
    for (const { reports } of this.members)
      for (let message = receiveMessageOnPort(reports); message; message = receiveMessageOnPort(reports))
        found.push(message.message as WorkerReport);
    return found;
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map(({ worker }) => worker.terminate()));
    for (const { reports } of this.members) reports.close();
  }
}

/** Afterwards the thread no longer keeps the process alive. */
function isReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void =>
      reject(new LoaderError(`a data worker did not start (${String(cause)})`, "look at the cause", cause));
    worker.once("message", () => {
      worker.unref();
      resolve();
    });
    // Kept afterwards too: an error event without a listener would end the process, and the consumer learns of a death through the ring.
    worker.on("error", failed);
    worker.once("exit", (code) => failed(`it ended with code ${code}`));
  });
}
