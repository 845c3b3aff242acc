import { datasetOf } from "../data/source.ts";
import { parseManifest, type StreamManifest } from "./manifest.ts";
import { parseStreamFile } from "./published-file.ts";
import { cutIntoTasks, StreamError } from "./stream.ts";

/** A stream as its file tells it, without its data. */
export interface Outline {
  readonly tasks: readonly OutlineTask[];
  /** Of a built stream. */
  readonly manifest?: StreamManifest;
}

export interface OutlineTask {
  readonly name?: string;
  /** Test samples of its concepts, where the stream was built with them. */
  readonly tests?: number;
  readonly concepts: readonly OutlineConcept[];
}

interface OutlineConcept {
  readonly id: string;
  readonly dataset: string;
  /** Unknown in a published file. */
  readonly samples?: number;
  readonly year?: number;
}

/** What stands in a stream's file: a built one's tasks, or a published list cut into `tasks`. @throws {StreamError} */
export function outlineOf(text: string, file: string, { tasks = 1 }: { readonly tasks?: number } = {}): Outline {
  if (!text.trimStart().startsWith("[")) {
    const manifest = parseManifest(text, file);
    const withSets = manifest.tasks.map(({ name, concepts }, task) => ({
      ...(name === undefined ? {} : { name }),
      ...(manifest.tests ? { tests: manifest.tests.dynamic[task]?.samples ?? 0 } : {}),
      concepts: concepts.map(({ id, samples, year }) => ({
        id,
        dataset: datasetOf(id),
        samples,
        ...(year === undefined ? {} : { year }),
      })),
    }));
    return { tasks: withSets, manifest };
  }
  const concepts = parseStreamFile(text, file, "any").map(({ dataset, name }) => ({
    id: `${dataset}/${name}`,
    dataset,
    name,
    samples: [],
    stats: {},
  }));
  if (concepts.length === 0) throw new StreamError(`${file}: no concepts`, "give a stream's file that lists some");
  return {
    tasks: cutIntoTasks(concepts, tasks).tasks.map((task) => ({ concepts: task.concepts.map(({ id, dataset }) => ({ id, dataset })) })),
  };
}

/** A task in numbers. */
export interface TaskSummary {
  readonly task: number;
  readonly name?: string;
  readonly concepts: number;
  readonly samples?: number;
  readonly tests?: number;
  /** Concepts by data set, most first. */
  readonly sets: readonly (readonly [dataset: string, concepts: number])[];
  readonly years?: readonly [first: number, last: number];
}

export function summaries({ tasks }: Outline): readonly TaskSummary[] {
  return tasks.map(({ name, tests, concepts }, task) => {
    const counts = new Map<string, number>();
    for (const { dataset } of concepts) counts.set(dataset, (counts.get(dataset) ?? 0) + 1);
    const years = concepts.flatMap(({ year }) => (year === undefined ? [] : [year]));
    const known = concepts.every(({ samples }) => samples !== undefined);
    return {
      task: task + 1,
      ...(name === undefined ? {} : { name }),
      concepts: concepts.length,
      ...(known ? { samples: concepts.reduce((sum, { samples }) => sum + (samples ?? 0), 0) } : {}),
      ...(tests === undefined ? {} : { tests }),
      sets: [...counts].sort(([, a], [, b]) => b - a),
      ...(years.length > 0 ? { years: [years.reduce((a, b) => Math.min(a, b)), years.reduce((a, b) => Math.max(a, b))] as const } : {}),
    };
  });
}

/** What became of a stream. Tasks count from 1. */
export interface OutlineDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly moved: readonly { readonly id: string; readonly from: number; readonly to: number }[];
  /** The same concepts in every task, in another order inside of them. */
  readonly reordered: boolean;
}

export function differenceOf(before: Outline, after: Outline): OutlineDifference {
  const [old, now] = [tasksById(before), tasksById(after)];
  const added = [...now.keys()].filter((id) => !old.has(id));
  const removed = [...old.keys()].filter((id) => !now.has(id));
  const moved = [...old].flatMap(([id, from]) => {
    const to = now.get(id);
    return to === undefined || to === from ? [] : [{ id, from, to }];
  });
  const isSame = added.length + removed.length + moved.length === 0;
  return { added, removed, moved, reordered: isSame && [...old.keys()].join("\n") !== [...now.keys()].join("\n") };
}

function tasksById({ tasks }: Outline): ReadonlyMap<string, number> {
  return new Map(tasks.flatMap(({ concepts }, task) => concepts.map(({ id }) => [id, task + 1] as const)));
}
