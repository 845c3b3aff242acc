import type { Concept } from "../data/source.ts";
import { type Neighbours, nearestRows, type VectorTable } from "./neighbours.ts";
import { type OrderingContext, StreamError } from "./stream.ts";

/** Neighbours held for each concept: 75 MB at 18,381 concepts; a walk that runs out of them compares with all that are left. */
const kept = 512;

/** Text embeddings of concepts as rows, with the neighbours of each. @throws {StreamError} for a concept without one. */
export function embedded(
  concepts: readonly Concept[],
  { embeddings, products }: OrderingContext,
): { readonly table: VectorTable; readonly neighbours: Neighbours } {
  const width = embeddings?.width ?? 0;
  const values = new Float32Array(concepts.length * width);
  const without: Concept[] = [];
  concepts.forEach((concept, row) => {
    const vector = embeddings?.of(concept.id);
    if (vector) values.set(vector, row * width);
    else without.push(concept);
  });
  if (without.length > 0)
    throw new StreamError(
      `${without.length} of ${concepts.length} concepts have no text embedding, "${without[0]?.id}" among them`,
      "make scores with `evergreen stream score --model MODEL`, and name their file in stream.scores",
    );
  const table = { rows: concepts.length, width, values };
  return { table, neighbours: nearestRows(table, kept, products) };
}

/** The rows to start walks from: `starts` of them, drawn without replacement, or every one. */
export function startsOf(rows: number, starts: number | "all", { random }: Pick<OrderingContext, "random">): Uint32Array {
  const drawn = random.at("stream/similarity").permutation(rows);
  return starts === "all" || starts >= rows ? drawn.sort() : drawn.subarray(0, starts);
}
