import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a module of this folder in a thread. Built code is started as it is. Where this file itself runs as TypeScript (under the tests),
 * the module is TypeScript too, which a thread of Node 20 cannot load: it is started from a translation of the source as it stands, never from an older build.
 */
export async function startWorker(name: string, options: WorkerOptions): Promise<Worker> {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(`./${name}.js`, import.meta.url), options);
  const { translatedSource } = await import("./worker-source.ts");
  return new Worker(new URL(`data/${name}.js`, await translatedSource()), options);
}
