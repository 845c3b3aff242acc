import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { type BufferContext, type BufferPolicy, buffers } from "./buffer.ts";

/** Samples `a/0` … of concept `a`; the n-th sample of a concept has 10 + 7n mod 23 bytes. */
const about = (seed: number): BufferContext => ({
  random: createRandom(seed),
  conceptOf: (id) => id.slice(0, id.indexOf("/")),
  bytesOf: (id) => 10 + ((7 * Number(id.slice(id.indexOf("/") + 1))) % 23),
});
const idsOf = (counts: readonly number[]): string[] =>
  counts.flatMap((n, c) => Array.from({ length: n }, (_, i) => `${"abcdefgh"[c]}/${i}`));

interface Case {
  readonly ids: readonly string[];
  readonly cuts: readonly number[];
  readonly seed?: number;
}
function held(policy: BufferPolicy, options: object, { ids, cuts, seed = 0 }: Case): readonly string[] {
  const parsed = policy.options.parse(options);
  const borders = [0, ...[...cuts].map((cut) => cut % (ids.length + 1)).sort((x, y) => x - y), ids.length];
  let kept: readonly string[] = [];
  for (const [i, to] of borders.slice(1).entries()) {
    const seen = borders[i] ?? 0;
    kept = policy.admit(kept, ids.slice(seen, to), { seen, options: parsed, about: about(seed) });
  }
  return kept;
}

const optionsOf = (name: string, capacity: number | string): object => (name === "unlimited" ? {} : { capacity });
const counts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });

test("the catalogue holds four policies", () => {
  expect(buffers.names()).toEqual(["class-balanced", "recent", "reservoir", "unlimited"]);
});

describe.each(buffers.names())("%s", (name) => {
  const capacities = name === "class-balanced" ? [1, 5, 40] : [1, 5, 40, "60 B", "9 B", "1 kB"];
  test("holds samples that were seen, once each, within the capacity, however the fresh ones are cut", async () => {
    const policy: BufferPolicy = await buffers.load(name);
    fc.assert(
      fc.property(counts, fc.constantFrom(...capacities), fc.array(fc.nat({ max: 96 }), { maxLength: 4 }), (n, capacity, cuts) => {
        const ids = idsOf(n);
        const whole = held(policy, optionsOf(name, capacity), { ids, cuts: [] });
        expect(held(policy, optionsOf(name, capacity), { ids, cuts })).toEqual(whole);
        expect(whole.filter((id) => !ids.includes(id))).toEqual([]);
        expect(new Set(whole).size).toBe(whole.length);
        if (name === "unlimited") expect(whole).toEqual(ids);
        else if (typeof capacity === "number") expect(whole.length).toBe(Math.min(capacity, ids.length));
        else {
          const bytes = whole.reduce((sum, id) => sum + about(0).bytesOf(id), 0);
          expect(bytes).toBeLessThanOrEqual({ "60 B": 60, "9 B": 9, "1 kB": 1000 }[capacity] ?? -1);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("reservoir holds every sample equally often: chi-square over 600 seeds stays below its 99.9 % point", async () => {
  const policy: BufferPolicy = await buffers.load("reservoir");
  const ids = idsOf([8, 8, 8]);
  const hits = new Map(ids.map((id) => [id, 0]));
  for (let seed = 0; seed < 600; seed++)
    for (const id of held(policy, { capacity: 6 }, { ids, cuts: [5, 11], seed })) hits.set(id, (hits.get(id) ?? 0) + 1);
  const expected = (600 * 6) / ids.length;
  // Draws without replacement vary less: each cell's variance is that of a hit, n · p · (1 − p), and the sum is fixed.
  const chi = [...hits.values()].reduce((sum, n) => sum + (n - expected) ** 2 / (expected * (1 - 6 / 24)), 0) * (23 / 24);
  expect(chi).toBeLessThan(49.73);
});

test("class-balanced holds no concept ahead of another by more than one, unless the other has no more", async () => {
  const policy: BufferPolicy = await buffers.load("class-balanced");
  fc.assert(
    fc.property(counts, fc.integer({ min: 1, max: 60 }), (n, capacity) => {
      const kept = held(policy, { capacity }, { ids: idsOf(n), cuts: [7] });
      const own = n.map((all, c) => ({ all, n: kept.filter((id) => id.startsWith("abcdefgh"[c] ?? "?")).length }));
      const most = Math.max(...own.map((each) => each.n));
      for (const each of own) expect(each.n >= most - 1 || each.n === each.all, JSON.stringify(own)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("recent holds the last samples in the order in which they came", async () => {
  const policy: BufferPolicy = await buffers.load("recent");
  expect(held(policy, { capacity: 3 }, { ids: idsOf([4, 2]), cuts: [1, 3] })).toEqual(["a/3", "b/0", "b/1"]);
});

test("a capacity that is none is refused", async () => {
  const { options } = await buffers.load("reservoir");
  for (const wrong of [{}, { capacity: 0 }, { capacity: 1.5 }, { capacity: "12" }, { capacity: "0 B" }, { capacity: 3, size: 3 }])
    expect(options.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
});
