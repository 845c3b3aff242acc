import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Concept } from "../../src/data/source.ts";
import { canonical } from "../../src/streams/canonical.ts";
import { orderConcepts } from "../../src/streams/order.ts";
import { type ConceptEmbeddings, orderings, StreamError } from "../../src/streams/stream.ts";
import { createRandom } from "../../src/util/random.ts";
import { judgedParts } from "../fixtures/judged-parts.ts";

const count = 40;
const width = 5;
const draws = createRandom(7).at("test/concepts");
const vectors = new Map<string, Float32Array>();
const samplesOf = (id: string, samples: number): string[] => Array.from({ length: samples }, (_, i) => `${id}/${i}`);
/** Several data sets, years, sizes and ties. */
const concepts: readonly Concept[] = Array.from({ length: count }, (_, i) => {
  const dataset = ["flowers", "birds", "signs", "CIFAR100"][i % 4] ?? "";
  const name = `name ${i >> 1}`;
  const id = `${dataset}/${name}`;
  const raw = Array.from({ length: width }, () => draws.normal());
  const length = Math.hypot(...raw);
  vectors.set(
    id,
    Float32Array.from(raw, (value) => value / length),
  );
  return {
    id,
    dataset,
    name,
    samples: samplesOf(id, (i * 7) % 5),
    stats: { year: 2015 + (i % 3), matchingLoss: draws.below(6) / 4, frequency: draws.below(5) },
  };
});
const embeddings: ConceptEmbeddings = { width, of: (id) => vectors.get(id) };
const ids = (list: readonly Concept[]): string[] => list.map(({ id }) => id);
const ordered = async (spec: Parameters<typeof orderConcepts>[1], seed = 0, given = concepts): Promise<string[]> =>
  ids(await orderConcepts(given, spec, { random: createRandom(seed), embeddings }));

/** Orderings that do not look at the seed, given the same scores. */
const seedless = new Set(["given", "frequency", "performance", "similarity-search"]);

describe.each(judgedParts("ordering"))("ordering %s", (name) => {
  test("gives every concept once, for three seeds", async () => {
    for (const seed of [0, 1, 2]) expect((await ordered(name, seed)).sort()).toEqual(ids(concepts).sort());
  });

  test("the same seed gives the same order, another seed another", async () => {
    const first = await ordered(name);
    expect(await ordered(name)).toEqual(first);
    const others = await Promise.all([1, 2, 3].map((seed) => ordered({ name, ...(name === "similarity" ? { starts: 1 } : {}) }, seed)));
    const differ = others.some((other) => other.join() !== first.join());
    // Whether another one's looks at the seed is its own affair.
    if (orderings.pluginFiles().has(name)) return;
    if (!seedless.has(name)) expect(differ).toBe(true);
    else if (name !== "similarity-search") expect(differ).toBe(false);
  });

  test("the order in which concepts were found does not matter", async () => {
    const part = await orderings.load(name);
    if (part.keepsGiven) return expect(await ordered(name, 0, [...concepts].reverse())).toEqual(ids(concepts).reverse());
    const expected = await ordered(name);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...concepts], { minLength: count }), async (shuffled) => {
        expect(await ordered(name, 0, shuffled)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });

  test("reverse is the exact reversal and prefix its front", async () => {
    const forward = await ordered(name);
    expect(await ordered({ name, reverse: true })).toEqual([...forward].reverse());
    expect(await ordered({ name, prefix: 7 })).toEqual(forward.slice(0, 7));
    expect(await ordered({ name, reverse: true, prefix: 7 })).toEqual([...forward].reverse().slice(0, 7));
    await expect(ordered({ name, prefix: count + 1 })).rejects.toThrow(StreamError);
  });

  test("what it was given stays as it was, and unknown options are refused", async () => {
    const before = ids(concepts);
    await ordered(name);
    expect(ids(concepts)).toEqual(before);
    await expect(ordered({ name, sed: 1 })).rejects.toThrow(new RegExp(`order ${name}: .*sed`));
  });

  test("no concepts give no concepts, one gives one", async () => {
    expect(await ordered(name, 0, [])).toEqual([]);
    const one = concepts.slice(0, 1);
    expect(await ordered(name, 0, one)).toEqual(ids(one));
  });
});

test("the canonical order takes published sets first, then names, and class lists inside a set", () => {
  const of = (dataset: string, name: string): Concept => ({ id: `${dataset}/${name}`, dataset, name, samples: [], stats: {} });
  const list = [of("zoo", "b"), of("Art", "x"), of("FSCOCO", "s"), of("zoo", "a"), of("cifar100", "can"), of("zoo", "new")];
  expect(ids(canonical(list, new Map([["zoo", ["b", "a"]]])))).toEqual(["cifar100/can", "FSCOCO/s", "Art/x", "zoo/b", "zoo/a", "zoo/new"]);
});
