import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BufferContext, buffers } from "../../src/mixtures/buffer.ts";
import { createRandom } from "../../src/util/random.ts";
import { judgedParts } from "../fixtures/judged-parts.ts";

// What is true of every buffer policy.

const about = (seed: number): BufferContext => ({
  random: createRandom(seed),
  conceptOf: (id) => id.slice(0, id.indexOf("/")),
  bytesOf: (id) => 10 + id.length,
});
const idsOf = (counts: readonly number[]): string[] =>
  counts.flatMap((n, c) => Array.from({ length: n }, (_, i) => `${"abcdefgh"[c]}/${i}`));

describe.each(judgedParts("buffer"))("%s", (name) => {
  test("says what it is and refuses an option it does not know", async () => {
    const { summary, options } = await buffers.load(name);
    expect(summary).toMatch(/^\S.{20,}\.$/);
    expect(options.safeParse({ capacity: 5, unheardOf: 1 }).success).toBe(false);
  });

  test("holds samples that were seen, once each, the same for the same seed and however they were cut into calls", async () => {
    const policy = await buffers.load(name);
    const own = policy.options.safeParse({});
    const options = own.success ? own.data : policy.options.parse({ capacity: 7 });
    const held = (ids: readonly string[], borders: readonly number[], seed: number): readonly string[] => {
      const cuts = [0, ...borders.map((cut) => cut % (ids.length + 1)).sort((a, b) => a - b), ids.length];
      return cuts.slice(1).reduce<readonly string[]>((kept, to, i) => {
        const seen = cuts[i] ?? 0;
        return policy.admit(kept, ids.slice(seen, to), { seen, options, about: about(seed) });
      }, []);
    };
    const counts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(counts, fc.array(fc.nat({ max: 320 }), { maxLength: 4 }), fc.nat(9), (n, borders, seed) => {
        const ids = idsOf(n);
        const whole = held(ids, [], seed);
        expect(whole.length).toBeGreaterThan(0);
        expect(whole.filter((id) => !ids.includes(id))).toEqual([]);
        expect(new Set(whole).size).toBe(whole.length);
        expect(held(ids, borders, seed)).toEqual(whole);
        if (policy.keepsAll) expect(whole).toEqual(ids);
      }),
      { numRuns: 40 },
    );
  });

  test("what it was given stays as it was, and nothing fresh changes nothing", async () => {
    const policy = await buffers.load(name);
    const own = policy.options.safeParse({});
    const at = { seen: 0, options: own.success ? own.data : policy.options.parse({ capacity: 2 }), about: about(1) };
    const [before, fresh] = [Object.freeze(["a/0", "b/0"]), Object.freeze(["a/1", "c/0"])];
    const held = policy.admit(policy.admit([], before, at), fresh, { ...at, seen: 2 });
    expect(policy.admit(held, [], { ...at, seen: 4 })).toEqual(held);
  });
});
