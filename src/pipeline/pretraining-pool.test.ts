import { expect, test } from "vitest";
import { indexedSource } from "../data/indexed-source.ts";
import { type DataSource, type ImageLocation, sizeOf } from "../data/source.ts";
import { unopenedSource } from "../data/unopened-source.ts";
import { createRandom } from "../util/random.ts";
import { pretrainingSubset, shardSizes } from "./pretraining-pool.ts";

/** A pool of `size` pairs in shards of ten. */
function pool(name: string, size: number): DataSource {
  const samples = Array.from({ length: size }, (_, i) => {
    const shard = `${String(Math.floor(i / 10)).padStart(5, "0")}.tar`;
    const image: ImageLocation = { kind: "slice", path: `/${name}/${shard}`, offset: 512 * (i % 10), bytes: 100 };
    return { key: `${shard}/${String(i).padStart(6, "0")}`, captions: [`pair ${i}`], split: "train", image, bytes: 100 } as const;
  });
  return indexedSource({ name, role: "pool", templates: ["{}"], samples });
}
const idsOf = (sets: readonly DataSource[]): string[] => sets.flatMap((set) => set.records("train").map(({ id }) => id));
const subset = (sets: readonly DataSource[], count: number, seed = 0): readonly DataSource[] =>
  pretrainingSubset(sets, count, createRandom(seed));

test("a subset has the number asked for, each pair once, in the pool's order; the same for a seed, another for another", () => {
  const whole = [pool("a", 300), pool("b", 100)];
  const part = idsOf(subset(whole, 150));
  expect(part.length).toBe(150);
  const kept = new Set(part);
  expect(idsOf(whole).filter((id) => kept.has(id))).toEqual(part);
  expect(idsOf(subset([pool("a", 300), pool("b", 100)], 150))).toEqual(part);
  expect(idsOf(subset(whole, 150, 1))).not.toEqual(part);
});

test("its fingerprint tells seed, size and pool apart, and its concepts hold what is left", () => {
  const prints = [subset([pool("a", 60)], 20), subset([pool("a", 60)], 20, 1), subset([pool("a", 60)], 21), [pool("a", 60)]];
  expect(new Set(prints.map(([set]) => set?.fingerprint)).size).toBe(4);
  const [part] = subset([pool("a", 60)], 20);
  expect(part?.concepts().flatMap(({ samples }) => samples)).toEqual(part?.records("train").map(({ id }) => id));
});

test("every pair is as likely: over 400 seeds each of 50 is drawn a fifth of the time, within five deviations", () => {
  const whole = [pool("a", 50)];
  const drawn = new Map<string, number>();
  for (let seed = 0; seed < 400; seed++) for (const id of idsOf(subset(whole, 10, seed))) drawn.set(id, (drawn.get(id) ?? 0) + 1);
  // Binomial with n 400, p 0.2: mean 80, deviation 8.
  expect(drawn.size).toBe(50);
  for (const [id, times] of drawn) expect(Math.abs(times - 80), id).toBeLessThanOrEqual(40);
  // Each subset has ten, so the sum of squares over the 50 cells, each scaled by its variance 64, is 49 on average (deviation 10).
  const spread = [...drawn.values()].reduce((sum, times) => sum + (times - 80) ** 2 / 64, 0);
  expect(spread).toBeGreaterThan(10);
  expect(spread).toBeLessThan(100);
});

test("a pool that is smaller than asked for is refused, with the number it has; the whole pool is itself", () => {
  const whole = [pool("a", 20)];
  expect(() => subset(whole, 21)).toThrow(
    expect.objectContaining({ code: "EG-3132", message: "data.pretraining.subset: 21 samples of a pool that holds 20" }),
  );
  expect(subset(whole, 20)).toBe(whole);
  expect(pretrainingSubset(whole, undefined, createRandom(0))).toBe(whole);
});

test("pools that were not opened give their share by count", () => {
  const counted = (name: string, train: number): DataSource =>
    unopenedSource({
      ...{ name, role: "pool", task: "caption", templates: ["{}"], licences: [], classes: { list: 0, streamed: 0 } },
      unopened: { train, test: 0, missing: [], obtain: "Ask." },
    });
  const parts = subset([counted("a", 3_000_000), counted("b", 1_000_000)], 2_000_000);
  expect(parts.map((set) => sizeOf(set, "train"))).toEqual([1_500_000, 500_000]);
});

test("shards are the files that pairs lie in, also in a part of the pool; loose files of a set are one", () => {
  expect(shardSizes([pool("a", 25), pool("b", 10)])).toEqual([10, 10, 5, 10]);
  const part = subset([pool("a", 200)], 100);
  expect(shardSizes(part).reduce((a, b) => a + b, 0)).toBe(100);
  expect(shardSizes(part).length).toBe(new Set(idsOf(part).map((id) => id.slice(0, 11))).size);
  const loose = indexedSource({
    name: "c",
    role: "pool",
    templates: ["{}"],
    samples: ["1.jpg", "2.jpg"].map((key) => ({
      key,
      captions: ["x"],
      split: "train",
      image: { kind: "file", path: `/${key}` },
      bytes: 1,
    })),
  });
  expect(shardSizes([loose])).toEqual([2]);
});
