import { describe, expect, test } from "vitest";
import type { Concept } from "../data/source.ts";
import { createRandom } from "../util/random.ts";
import { orderConcepts } from "./order.ts";
import { publishedSets } from "./published-sets.ts";

const concept = (id: string, stats: Concept["stats"] = {}): Concept => {
  const [dataset = "", name = ""] = id.split("/");
  return { id, dataset, name, samples: [], stats };
};
const ordered = async (concepts: readonly Concept[], spec: Parameters<typeof orderConcepts>[1], seed = 0): Promise<string[]> =>
  (await orderConcepts(concepts, spec, { random: createRandom(seed) })).map(({ id }) => id);

test("random is the permutation of its purpose over the canonical order", async () => {
  const concepts = ["a/1", "a/2", "b/1", "b/2", "c/1"].map((id) => concept(id));
  const permutation = createRandom(3).at("stream/random").permutation(5);
  expect(await ordered([...concepts].reverse(), "random", 3)).toEqual([...permutation].map((i) => concepts[i]?.id));
});

test("given with shuffle permutes the list as it was given", async () => {
  const concepts = ["b/1", "a/2", "a/1"].map((id) => concept(id));
  const permutation = createRandom(5).at("stream/shuffle").permutation(3);
  expect(await ordered(concepts, { name: "given", shuffle: true }, 5)).toEqual([...permutation].map((i) => concepts[i]?.id));
});

test("performance goes from the lowest loss up, ties in canonical order", async () => {
  const losses = { "b/x": 0.5, "a/y": 2, "a/x": 0.5, "a/z": -0.1 };
  const concepts = Object.entries(losses).map(([id, matchingLoss]) => concept(id, { matchingLoss }));
  expect(await ordered(concepts, "performance")).toEqual(["a/z", "a/x", "b/x", "a/y"]);
});

test("frequency sorts by count, then name, then data set: sets that share a name are neighbours", async () => {
  const counts = { "b/dog": 7, "a/dog": 7, "b/cat": 7, "a/ant": 7, "a/zebra": 0, "CIFAR100/dog": 7 };
  const concepts = Object.entries(counts).map(([id, frequency]) => concept(id, { frequency }));
  expect(await ordered(concepts, "frequency")).toEqual(["a/zebra", "a/ant", "b/cat", "CIFAR100/dog", "a/dog", "b/dog"]);
});

test.each([
  ["performance", /1 of 2 concepts have no matching loss, "a\/2"/],
  ["frequency", /no frequency, "a\/2"/],
  ["time", /no year, "a\/2"/],
])("%s names a concept without a score", async (name, message) => {
  const scored = concept("a/1", { matchingLoss: 1, frequency: 1, year: 2000 });
  await expect(ordered([scored, concept("a/2")], name)).rejects.toThrow(message);
});

test("dataset keeps sets whole, in the order of its purpose", async () => {
  const concepts = ["a/1", "a/2", "b/1", "c/1", "c/2"].map((id) => concept(id));
  const permutation = createRandom(2).at("stream/dataset").permutation(3);
  const blocks = [["a/1", "a/2"], ["b/1"], ["c/1", "c/2"]];
  expect(await ordered(concepts, "dataset", 2)).toEqual([...permutation].flatMap((i) => blocks[i] ?? []));
});

describe("time", () => {
  const dated = Array.from({ length: 60 }, (_, i) =>
    concept(`${["Zoo", "apes", "bees"][i % 3]}/${String(i).padStart(2, "0")}`, { year: i < 24 ? 2012 : 2009 }),
  );
  const yearOf = new Map(dated.map(({ id, stats }) => [id, stats.year]));

  test("years come oldest first and are shuffled inside", async () => {
    const order = await ordered(dated, "time");
    expect(order.map((id) => yearOf.get(id))).toEqual([...Array(36).fill(2009), ...Array(24).fill(2012)]);
    const old = order.slice(0, 36);
    expect(old).not.toEqual([...old].sort());
    expect(new Set(old.slice(0, 12).map((id) => id.split("/")[0])).size).toBe(3);
  });

  test("concepts without a year are refused by default, and the refusal names the option", async () => {
    await expect(ordered([...dated, concept("z/1")], "time")).rejects.toMatchObject({
      fix: expect.stringContaining("undated, first or last"),
    });
  });

  test.each(["year", "dataset"] as const)(
    "they come first or last as one year, by %s; the dated ones come as without them",
    async (blocks) => {
      const undated = ["bees/x", "apes/x", "bees/y", "apes/y"].map((id) => concept(id));
      const alone = await ordered(dated, { name: "time", blocks });
      const last = await ordered([...undated, ...dated], { name: "time", blocks, undated: "last" });
      const first = await ordered([...dated, ...undated], { name: "time", blocks, undated: "first" });
      expect(last.slice(0, dated.length)).toEqual(alone);
      expect(first).toEqual([...last.slice(dated.length), ...alone]);
      expect([...last.slice(dated.length)].sort()).toEqual(undated.map(({ id }) => id).sort());
      if (blocks === "dataset") expect(last.slice(dated.length).map((id) => id.split("/")[0])).toEqual(["apes", "apes", "bees", "bees"]);
      expect(await ordered(dated, { name: "time", blocks, undated: "first" })).toEqual(alone);
      expect((await ordered(undated, { name: "time", undated: "last" })).sort()).toEqual(undated.map(({ id }) => id).sort());
    },
  );

  test("blocks of data sets come by name in any letter case, each shuffled inside", async () => {
    const order = await ordered(dated, { name: "time", blocks: "dataset" });
    const runs = order.map((id) => `${yearOf.get(id)} ${id.split("/")[0]}`).filter((run, i, all) => run !== all[i - 1]);
    expect(runs).toEqual(["2009 apes", "2009 bees", "2009 Zoo", "2012 apes", "2012 bees", "2012 Zoo"]);
    expect(order.slice(0, 12)).not.toEqual([...order.slice(0, 12)].sort());
  });

  test("published sets come in the block order of the published files", async () => {
    const concepts = publishedSets.map(({ handle, year }) => concept(`${handle}/x`, { year })).reverse();
    const order = await ordered(concepts, { name: "time", blocks: "dataset" });
    expect(order).toEqual(publishedSets.map(({ handle }) => `${handle}/x`));
  });
});
