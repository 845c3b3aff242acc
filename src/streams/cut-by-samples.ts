import type { Concept } from "../data/source.ts";
import { cutIntoTasks, type Stream } from "./stream.ts";

/**
 * Tasks of about equally many training samples: a task ends at the concept where the running count first reaches its share k · N / T; every task has at least
 * one concept.
 * @throws {StreamError} for a concept named twice, or fewer concepts than tasks.
 */
export function cutBySamples(concepts: readonly Concept[], tasks: number): Stream {
  // Refuses what cannot be cut in either way.
  cutIntoTasks(concepts, tasks);
  const total = concepts.reduce((sum, { samples }) => sum + samples.length, 0);
  const cut: Concept[][] = [];
  let task: Concept[] = [];
  let seen = 0;
  concepts.forEach((concept, i) => {
    task.push(concept);
    seen += concept.samples.length;
    const open = tasks - cut.length - 1;
    const left = concepts.length - i - 1;
    if (open > 0 && left >= open && (seen * tasks >= (cut.length + 1) * total || left === open)) {
      cut.push(task);
      task = [];
    }
  });
  return { tasks: [...cut, task].map((members) => ({ concepts: members })) };
}
