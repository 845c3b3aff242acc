import type { z } from "zod";
import type { Concept, ConceptId } from "../data/source.ts";
import type { Component } from "../util/component.ts";
import { Catalog } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import { groupBy } from "../util/group-by.ts";
import type { Random } from "../util/random.ts";

/** One update: the concepts that arrive together. */
export interface StreamTask {
  /** What the concepts of a group have in common (`2019`); undefined where the stream was cut by count. */
  readonly name?: string;
  /** At least one; tasks never share a concept. */
  readonly concepts: readonly Concept[];
}

/** All concepts in the order a learner meets them, cut into tasks. */
export interface Stream {
  readonly tasks: readonly StreamTask[];
}

/** Unit-length vectors of concepts, of `width` numbers each. */
export interface ConceptEmbeddings {
  readonly width: number;
  of(concept: ConceptId): Float32Array | undefined;
}

/** Products of the rows `from` … `to` (exclusive) of a table [n, width] with all of its rows: [to − from, n]. May be off by rounding in float32. */
export type RowProducts = (table: Float32Array, width: number, range: { readonly from: number; readonly to: number }) => Float32Array;

/** What an ordering may draw on. */
export interface OrderingContext {
  readonly random: Random;
  /** Text embeddings of the concepts' prompts, where they are known. */
  readonly embeddings?: ConceptEmbeddings;
  /** A faster product than plain TypeScript's; the order does not depend on it. */
  readonly products?: RowProducts;
}

export interface StreamOrdering<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** True when it starts from the order given; absent where it starts from the canonical one. */
  readonly keepsGiven?: true;
  /** The same concepts in the order a learner meets them. Pure: the same seed gives the same order; ties keep the order given. */
  order(concepts: readonly Concept[], options: z.output<S>, context: OrderingContext): readonly Concept[];
}

export const orderings = new Catalog<StreamOrdering>("ordering", [new URL("./orderings/", import.meta.url)]);

/** Concepts that do not make a stream. */
export class StreamError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(`stream: ${message}`, { code: "EG-3110", exit: "config", fix });
  }
}

/**
 * Tasks of ⌊n/T⌋ neighbouring concepts each, the first n mod T of them one more.
 * @throws {StreamError} for a concept named twice, or fewer concepts than tasks.
 */
export function cutIntoTasks(concepts: readonly Concept[], tasks: number): Stream {
  refuseDoubles(concepts);
  if (!Number.isSafeInteger(tasks) || tasks < 1)
    throw new StreamError(`${tasks} tasks, expected a whole number from 1 on`, "set stream.tasks");
  if (concepts.length < tasks)
    throw new StreamError(
      `${concepts.length} concepts cannot fill ${tasks} tasks`,
      `set stream.tasks to at most ${Math.max(1, concepts.length)}`,
    );
  const each = Math.floor(concepts.length / tasks);
  const longer = concepts.length % tasks;
  return {
    tasks: Array.from({ length: tasks }, (_, task) => {
      const from = task * each + Math.min(task, longer);
      return { concepts: concepts.slice(from, from + each + (task < longer ? 1 : 0)) };
    }),
  };
}

/**
 * One task for every group, groups in the order of their first concept; inside a group the order given.
 * @throws {StreamError} for a concept named twice, or no concepts.
 */
export function groupIntoTasks(concepts: readonly Concept[], groupOf: (concept: Concept) => string): Stream {
  refuseDoubles(concepts);
  if (concepts.length === 0) throw new StreamError("no concepts", "name a source that has training samples");
  const groups = groupBy(concepts, groupOf);
  return { tasks: [...groups].map(([name, members]) => ({ name, concepts: members })) };
}

/**
 * One task a year, oldest first; inside a year the order given.
 * @throws {StreamError} when a concept has no year.
 */
export function yearsIntoTasks(concepts: readonly Concept[]): Stream {
  const undated = concepts.filter(({ stats }) => stats.year === undefined);
  if (undated.length > 0) {
    const [first] = undated;
    throw new StreamError(
      `${undated.length} of ${concepts.length} concepts have no year, "${first?.id}" among them`,
      "date every concept, or cut the stream by stream.tasks",
    );
  }
  const byYear = [...concepts].sort((a, b) => (a.stats.year ?? 0) - (b.stats.year ?? 0));
  return groupIntoTasks(byYear, ({ stats }) => String(stats.year));
}

function refuseDoubles(concepts: readonly Concept[]): void {
  const seen = new Set<string>();
  for (const { id } of concepts) {
    if (seen.has(id)) throw new StreamError(`concept "${id}" is listed twice`, "list every concept once: tasks never share one");
    seen.add(id);
  }
}
