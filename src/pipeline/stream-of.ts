import type { Concept, DataSource, SampleId, SampleRecord } from "../data/source.ts";
import type { RunSpec } from "../runs/spec.ts";
import { cutBySamples } from "../streams/cut-by-samples.ts";
import { type StreamManifest, tasksOf } from "../streams/manifest.ts";
import { naturalTasks } from "../streams/natural-tasks.ts";
import { orderConcepts } from "../streams/order.ts";
import { cutIntoTasks, type Stream } from "../streams/stream.ts";
import type { ComponentSpec } from "../util/component.ts";
import { createRandom } from "../util/random.ts";
import { readScores, withScores } from "./scores-file.ts";

/** The stream of a run. Without a number of tasks and another order, a built stream keeps its own tasks. */
export async function streamOf(
  { stream, seed }: Pick<RunSpec, "stream" | "seed">,
  streamed: readonly DataSource[],
  manifest?: StreamManifest,
): Promise<Stream> {
  const found = streamed.flatMap((set) => set.concepts());
  const built = manifest && tasksOf(manifest, found);
  if (built && stream.tasks === undefined && stream.order === "given") return { tasks: built };
  return orderedStream({ stream, seed }, streamed, built?.flatMap(({ concepts }) => concepts) ?? found);
}

/** Concepts of opened sets, ordered and cut. Without a number of tasks, into the natural ones. */
export async function orderedStream(
  { stream, seed }: { readonly stream: Pick<RunSpec["stream"], "order" | "tasks" | "cutBy" | "scores">; readonly seed: number },
  sets: readonly DataSource[],
  given: readonly Concept[],
): Promise<Stream> {
  const { concepts, ...known } = stream.scores === undefined ? { concepts: given } : withScores(given, await readScores(stream.scores));
  // The engine is loaded only for an order that multiplies.
  const products = "embeddings" in known ? { products: (await import("./row-products.ts")).rowProducts } : {};
  const ordered = await orderConcepts(concepts, stream.order as string | ComponentSpec, {
    random: createRandom(seed),
    classLists: new Map(sets.map(({ name, classNames }) => [name, classNames])),
    ...known,
    ...products,
  });
  if (stream.tasks === undefined) return naturalTasks(ordered, { isOrdered: stream.order !== "given" });
  return stream.cutBy === "samples" ? cutBySamples(ordered, stream.tasks) : cutIntoTasks(ordered, stream.tasks);
}

/** Training samples of some sets, by id and in order. */
export class Samples {
  private readonly byId = new Map<SampleId, SampleRecord>();
  readonly all: readonly SampleRecord[];

  constructor(sets: readonly DataSource[]) {
    this.all = sets.flatMap((set) => set.records("train"));
    for (const record of this.all) this.byId.set(record.id, record);
  }

  get(id: SampleId): SampleRecord {
    const record = this.byId.get(id);
    if (!record) throw new Error(`internal: no sample ${id}`);
    return record;
  }
}
