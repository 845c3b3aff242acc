import type { Concept, ConceptId, SampleId } from "../data/source.ts";
import type { Stream } from "./stream.ts";

/** The samples that a source of batches draws from, by number. */
export interface Pool {
  readonly size: number;
  /** @throws {RangeError} for a number outside the pool. */
  sample(index: number): SampleId;
}

/** Training samples of one task's concepts: data sets by first appearance in the whole stream, inside a data set by stream order. */
export function updatePool(stream: Stream, task: number): Pool {
  return joined(inPoolOrder(stream, task));
}

/** Of every task, all training samples of all tasks before it; empty for task 0. Each is the beginning of the next, so one list of concepts serves them all. */
export function unlimitedReplay(stream: Stream): readonly Pool[] {
  const tasks = stream.tasks.map((_, task) => inPoolOrder(stream, task));
  const whole = joined(tasks.flat());
  let before = 0;
  return tasks.map((concepts) => {
    const pool = beginningOf(whole, before);
    before += concepts.reduce((sum, { samples }) => sum + samples.length, 0);
    return pool;
  });
}

const beginningOf = (pool: Pool, size: number): Pool => ({
  size,
  sample(index) {
    if (index >= size) throw new RangeError(`internal: pool: sample ${index} of ${size}`);
    return pool.sample(index);
  },
});

/** The samples listed. */
export function poolOf(samples: readonly SampleId[]): Pool {
  return {
    size: samples.length,
    sample(index) {
      const id = samples[index];
      if (id === undefined) throw new RangeError(`internal: pool: sample ${index} of ${samples.length}`);
      return id;
    },
  };
}

/** The concept of each training sample of a stream. */
export function conceptsBySample({ tasks }: Stream): ReadonlyMap<SampleId, ConceptId> {
  const concepts = new Map<SampleId, ConceptId>();
  for (const task of tasks) for (const { id, samples } of task.concepts) for (const sample of samples) concepts.set(sample, id);
  return concepts;
}

/** Concepts of one task: data sets by first appearance in the whole stream, inside a data set by stream order. */
export function inPoolOrder(stream: Stream, task: number): readonly Concept[] {
  const rank = new Map<string, number>();
  for (const { concepts } of stream.tasks) for (const { dataset } of concepts) if (!rank.has(dataset)) rank.set(dataset, rank.size);
  const concepts = stream.tasks[task]?.concepts ?? [];
  return [...concepts].sort((a, b) => (rank.get(a.dataset) ?? 0) - (rank.get(b.dataset) ?? 0));
}

function joined(concepts: readonly Concept[]): Pool {
  const starts: number[] = [];
  let size = 0;
  for (const { samples } of concepts) {
    starts.push(size);
    size += samples.length;
  }
  return {
    size,
    sample(index) {
      let low = 0;
      let high = starts.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((starts[middle] as number) <= index) low = middle;
        else high = middle;
      }
      const id = concepts[low]?.samples[index - (starts[low] ?? 0)];
      if (id === undefined) throw new RangeError(`internal: pool: sample ${index} of ${size}`);
      return id;
    },
  };
}
