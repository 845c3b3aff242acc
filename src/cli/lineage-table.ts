import type { Table } from "../report/table.ts";
import { type Lineage, type LineageGraph, lineageGraph } from "../runs/lineage.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { RunFileError } from "../runs/store-error.ts";

/** The descent of a run's weights after the tasks that have ended. @throws {RunFileError} for a run of an earlier version, which told nothing of it. */
export function lineageOf(reader: RunReader): LineageGraph {
  const told = new Map<number, Lineage>();
  const decided = new Set<number>();
  let tasks = 0;
  for (const event of reader.events()) {
    if (event.type === "lineage") told.set(event.task, event);
    // Before the first task the run's own start is scored, which came about by nothing.
    if (event.type === "scored" && event.state === "deployed" && event.task >= 0) decided.add(event.task);
    if (event.type === "saved" && (event.kind === "task_end" || event.kind === "finish")) tasks = Math.max(tasks, event.task);
  }
  if ([...decided].some((task) => task < tasks && !told.has(task)))
    throw new RunFileError(
      "events.jsonl",
      "does not tell how the weights came about that were shipped: an earlier version wrote it",
      "run it again",
    );
  return lineageGraph(tasks, told, reader.ledger());
}

/** One line for each set of weights; what was shipped after a task says so. */
export function lineageTable({ nodes, deployed }: LineageGraph): Table {
  const right = { align: "right" } as const;
  const shipped = (name: string): string | undefined => {
    const after = deployed.flatMap((each, task) => (each === name ? [String(task + 1)] : []));
    return after.length > 0 ? `after task ${after.join(", ")}` : undefined;
  };
  const sources = [...new Set(nodes.flatMap(({ samples }) => samples.map(({ source }) => source)))];
  return {
    columns: [
      { title: "weights" },
      { title: "made by" },
      { title: "of" },
      { title: "shipped" },
      ...sources.map((title) => ({ title, ...right })),
    ],
    rows: nodes.map(({ name, by, of, samples }) => [
      name,
      by,
      of.map(({ weights, share }) => (share === undefined ? weights : `${Number(share.toPrecision(3))} ${weights}`)).join(" + ") ||
        undefined,
      shipped(name),
      ...sources.map((source) => samples.filter((each) => each.source === source).reduce((sum, { n }) => sum + n, 0)),
    ]),
  };
}
