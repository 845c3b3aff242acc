import type { PairBatch } from "../continual/gradients.ts";
import { release } from "../engine/scope.ts";
import { assembleBatch, type TrainingRow } from "./batches.ts";
import type { Training } from "./loop.ts";

/** Batches of rows that are loaded between steps, one after another; each lives until the next is asked for. */
export async function* rowBatches(
  { loader, batches }: Pick<Training, "loader" | "batches">,
  chunks: readonly (readonly TrainingRow[])[],
): AsyncGenerator<PairBatch> {
  loader.start({ firstStep: 0, rowsAt: (step) => chunks[step]?.map(({ request }) => request) });
  for (const [step, rows] of chunks.entries()) {
    const loaded = loader.take(step);
    if (!loaded) throw new Error(`internal: the loader ended before batch ${step}`);
    const batch = assembleBatch(loaded, rows, batches);
    try {
      yield batch;
    } finally {
      release(batch.pixels);
    }
  }
}
