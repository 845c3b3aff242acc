import type { DataSource, SampleId, SampleRecord } from "../data/source.ts";
import { groupBy } from "../util/group-by.ts";
import { hashOf } from "../util/hash.ts";
import { inPoolOrder } from "./pools.ts";
import type { Stream } from "./stream.ts";

/** Test samples by what they ask of a model that is kept current (the two kinds of tests of TiC-CLIP, arXiv:2310.16226, section 3). */
export interface TestSplits {
  /** Of sets that the stream never trains on: the same for every task. */
  readonly static: readonly SampleId[];
  /** Of each task's own concepts: the model after task t, asked for task i, is entry (t, i) of the matrix over time. */
  readonly dynamic: readonly (readonly SampleId[])[];
}

/** A split as a manifest holds it: enough to tell that it is the same, without its ids. */
export interface SplitSummary {
  readonly samples: number;
  readonly digest: string;
}

/**
 * Dynamic: by the rule of a task's training pool on the test split, data sets by first appearance in the whole stream, inside a data set by stream order, inside a concept
 * by id. Static: every test sample of the sets held out, in their order. Test samples of classes that are not streamed are in neither.
 */
export function testSplits(stream: Stream, streamed: readonly DataSource[], heldOut: readonly DataSource[]): TestSplits {
  const tests = streamed.flatMap((set) => set.records("test").map((record) => ({ id: record.id, concept: conceptOf(set, record) })));
  const byConcept = groupBy(tests, ({ concept }) => concept);
  return {
    static: heldOut.flatMap((set) => set.records("test").map(({ id }) => id)),
    dynamic: stream.tasks.map((_, task) =>
      inPoolOrder(stream, task).flatMap((concept) => (byConcept.get(concept.id) ?? []).map(({ id }) => id)),
    ),
  };
}

/** A set without classes is one concept. */
const conceptOf = ({ name, classNames }: DataSource, { className }: SampleRecord): string =>
  `${name}/${classNames.length === 0 ? "all" : (className ?? "")}`;

/** The splits as a manifest holds them. */
export function summaryOf(splits: TestSplits): { readonly static: SplitSummary; readonly dynamic: SplitSummary[] } {
  const summary = (ids: readonly SampleId[]): SplitSummary => ({ samples: ids.length, digest: hashOf(ids) });
  return { static: summary(splits.static), dynamic: splits.dynamic.map(summary) };
}
