import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { balancedOrder, groupPool } from "./balanced-order.ts";
import { createRowDraws, passOrder } from "./positions.ts";

/** Groups of these sizes, their samples mixed with each other in the pool. */
function mixed(sizes: readonly number[]): { readonly size: number; keyOf(sample: number): string } {
  const keys = sizes.flatMap((size, group) => Array.from({ length: size }, () => `g${group}`));
  const order = createRandom(99).at("test").permutation(keys.length);
  return { size: keys.length, keyOf: (sample) => keys[order[sample] ?? 0] ?? "" };
}
const groupsOf = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });

test("groups hold every sample once, in the pool's order, groups by their first sample", () => {
  const { starts, members } = groupPool(6, (sample) => "babcab"[sample] ?? "");
  expect(starts).toEqual([0, 3, 5, 6]);
  expect([...members]).toEqual([0, 2, 5, 1, 4, 3]);
});

test("after any number of rows, groups differ by at most one row and the samples of a group by at most one", () => {
  fc.assert(
    fc.property(groupsOf, fc.nat({ max: 600 }), fc.nat({ max: 3 }), (sizes, upTo, task) => {
      const pool = mixed(sizes);
      const order = balancedOrder(createRandom(5), "buffer", { task, groups: groupPool(pool.size, pool.keyOf) });
      const samples = new Array<number>(pool.size).fill(0);
      for (let q = 0; q < upTo; q++) {
        const { sample, pass } = order(q);
        expect(pass).toBe(samples[sample]);
        samples[sample] = (samples[sample] ?? 0) + 1;
      }
      const byGroup = new Map<string, number[]>();
      samples.forEach((count, sample) => {
        byGroup.set(pool.keyOf(sample), [...(byGroup.get(pool.keyOf(sample)) ?? []), count]);
      });
      for (const counts of byGroup.values()) {
        const drawn = counts.reduce((a, b) => a + b, 0);
        expect([Math.floor(upTo / sizes.length), Math.ceil(upTo / sizes.length)]).toContain(drawn);
        for (const count of counts) expect([Math.floor(drawn / counts.length), Math.ceil(drawn / counts.length)]).toContain(count);
      }
    }),
  );
});

test("does not depend on the order of asking", () => {
  fc.assert(
    fc.property(groupsOf, fc.array(fc.nat({ max: 500 }), { maxLength: 40 }), (sizes, asked) => {
      const pool = mixed(sizes);
      const make = () => balancedOrder(createRandom(1), "update", { task: 2, groups: groupPool(pool.size, pool.keyOf) });
      const used = make();
      for (const q of asked) expect(used(q)).toEqual(make()(q));
    }),
  );
});

test("in the long run every place of a batch sees every group and every sample of a group alike", () => {
  // A group of 90 and one of 10: by sample the small one would have a tenth of the rows.
  const pool = mixed([90, 10]);
  const draw = createRowDraws(createRandom(0), { shards: [1] }, { update: () => groupPool(pool.size, pool.keyOf) });
  const steps = 9000;
  const rows = { update: 4, buffer: 0, pretraining: 0 };
  const firstPlace = new Array<number>(pool.size).fill(0);
  for (let step = 0; step < steps; step++) {
    const [first] = draw({ task: 0, step, phases: [{ from: 0, rows }], pools: { update: 100, buffer: 0 }, pretrainingDrawn: 0 });
    if (first) firstPlace[first.sample] = (firstPlace[first.sample] ?? 0) + 1;
  }
  const small = firstPlace.filter((_, sample) => pool.keyOf(sample) === "g1");
  const chance = small.reduce((a, b) => a + b, 0) / steps;
  // Five standard deviations of a fair coin.
  expect(Math.abs(chance - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(steps));
  for (const count of small) expect(Math.abs(count - steps / 20)).toBeLessThan(5 * Math.sqrt(steps / 20));
  for (const [sample, count] of firstPlace.entries())
    if (pool.keyOf(sample) === "g0") expect(Math.abs(count - steps / 180)).toBeLessThan(5 * Math.sqrt(steps / 180));
});

test("tasks, rounds and sources have permutations of their own, and none of the uniform order's", () => {
  const one = groupPool(50, () => "all");
  const sequence = (source: "update" | "buffer", task: number): string => {
    const order = balancedOrder(createRandom(0), source, { task, groups: one });
    return Array.from({ length: 50 }, (_, q) => order(q).sample).join();
  };
  const uniform = passOrder(createRandom(0), "update", { task: 0, size: 50 });
  const all = [
    sequence("update", 0),
    sequence("update", 1),
    sequence("buffer", 0),
    Array.from({ length: 50 }, (_, q) => uniform(q).sample).join(),
  ];
  expect(new Set(all).size).toBe(4);
});
