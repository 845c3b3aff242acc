import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { registry } from "../src/data/registry.ts";
import type { Concept } from "../src/data/source.ts";
import { orderConcepts } from "../src/streams/order.ts";
import { entryHashes, parseStreamFile, type StreamEntry, switches } from "../src/streams/published-file.ts";
import { publishedSet } from "../src/streams/published-sets.ts";
import { cutIntoTasks } from "../src/streams/stream.ts";
import { createRandom } from "../src/util/random.ts";
import { type Adapter, adapter, goldenRows, type Tree } from "./golden-runner.ts";

// These rows are about the published stream files, which are no part of the repository: EVERGREEN_REFERENCE_STREAMS names a folder that has them.
const folder = process.env.EVERGREEN_REFERENCE_STREAMS;
const none = z.strictObject({});
/** Concepts of a full stream. */
const full = 18_381;

function entries(name: string): readonly StreamEntry[] {
  const file = join(folder ?? "", `${name}.json`);
  return parseStreamFile(readFileSync(file, "utf8"), file);
}
const conceptsOf = (list: readonly StreamEntry[]): Concept[] =>
  list.map(({ dataset, name }) => ({ id: `${dataset}/${name}`, dataset, name, samples: [], stats: {} }));
async function hashOfOrdered(name: string, options: object): Promise<string> {
  const list = entries(name);
  const spelled = new Map(list.map((entry) => [`${entry.dataset}/${entry.name}`, entry]));
  const ordered = await orderConcepts(conceptsOf(list), { name: "given", ...options }, { random: createRandom(0) });
  return entryHashes(ordered.flatMap(({ id }) => spelled.get(id) ?? [])).order;
}
const oneOf = (values: readonly string[]): string => [...new Set(values)].join(" or ");
const runsOf = (list: readonly StreamEntry[]): string[] => list.map(({ dataset }) => dataset).filter((set, i, all) => set !== all[i - 1]);
const five = [1, 2, 3, 4, 5];

/** Files of section 8 by name; those that the folder lacks are not answered. */
const described = goldenRows().find(({ id }) => id === "streams.g2")?.expected ?? {};
const withSum = (concepts: Tree, counts: readonly number[]): Tree => ({ concepts, sum: counts.reduce((a, b) => a + b, 0) });

/** What published files say. */
const rows: readonly (readonly [string, Adapter])[] = [
  [
    "streams.g1",
    adapter(none, () => {
      const lists = readdirSync(folder ?? "").flatMap((file) => (file.endsWith(".json") ? [entries(file.replace(/\.json$/, ""))] : []));
      return oneOf(lists.filter((list) => list.length === full).map((list) => entryHashes(list).set));
    }),
  ],
  [
    "streams.g2",
    adapter(none, () =>
      Object.fromEntries(
        Object.keys(described).map((name) => {
          if (!existsSync(join(folder ?? "", `${name}.json`))) return [name, undefined];
          const list = entries(name);
          return [name, { entries: list.length, switches: switches(list), order: entryHashes(list).order }];
        }),
      ),
    ),
  ],
  [
    "streams.g4",
    adapter(none, () => {
      const counts = new Map<string, number>();
      for (const { dataset } of entries("random_sequence_1")) counts.set(dataset, (counts.get(dataset) ?? 0) + 1);
      return withSum(Object.fromEntries(counts), [...counts.values()]);
    }),
  ],
  [
    "streams.g5",
    adapter(none, () => {
      const groups = entries("time_incremental_rsagg_1").map(({ dataset }) => publishedSet(dataset)?.group ?? 0);
      const borders = groups.flatMap((group, i) => (i === 0 || group !== groups[i - 1] ? [i] : []));
      const counts = borders.map((from, i) => (borders[i + 1] ?? groups.length) - from);
      return withSum(counts, counts);
    }),
  ],
  ["streams.g6", adapter(none, () => hashOfOrdered("random_sequence_1", { reverse: true }))],
  ["streams.g7", adapter(none, () => hashOfOrdered("random_sequence_1", { prefix: 1000 }))],
  [
    "streams.g8",
    adapter(none, () => {
      const touched = five.flatMap((i) =>
        cutIntoTasks(conceptsOf(entries(`random_sequence_${i}`)), 20).tasks.map(
          ({ concepts }) => new Set(concepts.map(({ dataset }) => dataset)).size,
        ),
      );
      return `${Math.min(...touched)}–${Math.max(...touched)} data sets`;
    }),
  ],
  [
    "streams.g9",
    adapter(none, () => {
      const lists = five.map((i) => entries(`time_incremental_dschunked_${i}`));
      const isSame = new Set(lists.map((list) => runsOf(list).join())).size === 1;
      return [Math.max(...lists.map(switches)) + 1, isSame ? "same data-set order in all five" : "different data-set orders"];
    }),
  ],
  [
    "streams.g10",
    adapter(none, () => {
      const places = new Map<string, number[]>();
      entries("frequency_sequence_1").forEach(({ name }, i) => {
        places.set(name, [...(places.get(name) ?? []), i]);
      });
      const shared = [...places.values()].filter((at) => at.length > 1);
      const adjacent = shared.filter((at) => (at.at(-1) ?? 0) - (at[0] ?? 0) === at.length - 1);
      return `${shared.length}; the copies of ${adjacent.length} are adjacent`;
    }),
  ],
];

/** Rows of the registry alone, and those about published streams; these count as not run where the files are not here. */
export const streamAdapters: ReadonlyMap<string, Adapter> = new Map([
  ["streams.g11", adapter(none, () => Object.fromEntries(registry.map(({ handle, classes }) => [handle, classes.list])))],
  ...(folder && existsSync(folder) ? rows : []),
]);
