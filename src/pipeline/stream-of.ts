import type { DataSource, SampleId, SampleRecord } from "../data/source.ts";
import type { RunSpec } from "../runs/spec.ts";
import { cutIntoTasks, groupIntoTasks, orderings, type Stream, yearsIntoTasks } from "../streams/stream.ts";
import { createRandom } from "../util/random.ts";

/**
 * The stream of a run. Without a number of tasks: one a year where every concept is dated, else one a data set.
 */
export async function streamOf(spec: RunSpec, streamed: readonly DataSource[]): Promise<Stream> {
  const ordering = await orderings.load(spec.stream.order);
  const concepts = ordering.order(
    streamed.flatMap((set) => set.concepts()),
    ordering.options.parse({}),
    { random: createRandom(spec.seed) },
  );
  if (spec.stream.tasks !== undefined) return cutIntoTasks(concepts, spec.stream.tasks);
  return concepts.every(({ stats }) => stats.year !== undefined)
    ? yearsIntoTasks(concepts)
    : groupIntoTasks(concepts, ({ dataset }) => dataset);
}

/** Training samples of some sets, by id and in order. */
export class Samples {
  private readonly byId = new Map<SampleId, SampleRecord>();
  readonly all: readonly SampleRecord[];
  /** Samples of each set, in the order of `all`. */
  readonly sizes: readonly number[];

  constructor(sets: readonly DataSource[]) {
    this.all = sets.flatMap((set) => set.records("train"));
    this.sizes = sets.map((set) => set.records("train").length);
    for (const record of this.all) this.byId.set(record.id, record);
  }

  get(id: SampleId): SampleRecord {
    const record = this.byId.get(id);
    if (!record) throw new Error(`internal: no sample ${id}`);
    return record;
  }
}
