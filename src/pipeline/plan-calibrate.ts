import { performance } from "node:perf_hooks";
import { memory, resetPeak } from "../engine/memory.ts";
import { release } from "../engine/scope.ts";
import { assembleBatch } from "../training/batches.ts";
import { createLearner, learn } from "../training/step.ts";
import { batchOptions, clipTokenizer, openLoader, stepOptions, taskWork } from "./assemble.ts";
import type { Resolved } from "./resolve.ts";

/** What real steps took. */
export interface Calibration {
  readonly steps: number;
  readonly stepMs: number;
  /** Half the width of the 95 % interval of `stepMs`, as a share of it. */
  readonly error: number;
  readonly peakBytes: number;
}

/** Steps in front of the measured ones: the first of each shape prepares its products. */
const warmUp = 3;
const blocks = 4;
/** Student's t at 97.5 % with three degrees of freedom. */
const student = 3.182;

/** Runs the first steps of a run, on its own images and weights, and keeps nothing of them. */
export async function calibrate(resolved: Resolved, steps = 20): Promise<Calibration> {
  const { spec } = resolved.plan;
  const loaded = await resolved.model.load();
  const learner = createLearner(loaded.model, await stepOptions(spec, resolved));
  const loader = await openLoader(spec, loaded.preprocess, spec.data.batchSize);
  try {
    const rowsAt = taskWork(resolved)[0]?.rowsAt;
    if (!rowsAt) throw new Error("internal: a plan without tasks");
    const options = batchOptions(spec, loaded, clipTokenizer());
    const last = warmUp + steps;
    loader.start({ firstStep: 0, rowsAt: (step) => (step < last ? rowsAt(step).map(({ request }) => request) : undefined) });
    resetPeak();
    const times: number[] = [];
    for (let step = 0; step < last; step++) {
      const began = performance.now();
      const images = loader.take(step);
      if (!images) throw new Error(`internal: the loader ended before step ${step}`);
      const batch = assembleBatch(images, rowsAt(step), options);
      learn(learner, batch, { multiplier: 1, step });
      release(batch.pixels);
      times.push(performance.now() - began);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { steps, ...meanOfBlocks(times.slice(warmUp)), peakBytes: memory().peak };
  } finally {
    await loader.close();
    release([learner.moments, loaded.model, [...learner.compute.weights.values()]]);
  }
}

/** Mean and error by batch means: steps that follow each other are alike, blocks of them are less so. */
export function meanOfBlocks(times: readonly number[]): Pick<Calibration, "stepMs" | "error"> {
  const size = Math.floor(times.length / blocks);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = Array.from({ length: blocks }, (_, i) => mean(times.slice(i * size, (i + 1) * size)));
  const stepMs = mean(times);
  const variance = means.reduce((sum, each) => sum + (each - mean(means)) ** 2, 0) / (blocks - 1);
  return { stepMs, error: (student * Math.sqrt(variance / blocks)) / stepMs };
}
