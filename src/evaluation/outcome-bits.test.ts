import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { decodeOutcomes, encodeOutcomes, OutcomesError, packBits, unpackBits } from "./outcome-bits.ts";
import { subsetOf, subsetSize } from "./subset.ts";

describe("outcome bits", () => {
  test("the first item is the lowest bit", () => {
    expect([...packBits([1, 0, 0, 0, 0, 0, 0, 1, 0, 1])]).toEqual([0x81, 0x02]);
  });
  test("what is written is read back, for any number of items", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 70 }), fc.string(), (bits, metric) => {
        const flags = Uint8Array.from(bits);
        expect(unpackBits(packBits(flags), flags.length)).toEqual(flags);
        expect(decodeOutcomes(encodeOutcomes({ metric, flags }))).toEqual({ metric, flags });
      }),
    );
  });
  test("torn, foreign and newer files are refused", () => {
    const good = encodeOutcomes({ metric: "acc1", flags: new Uint8Array(20) });
    const text = Buffer.from(good).toString("latin1");
    const wrong: readonly (readonly [string, RegExp])[] = [
      [text.slice(0, -1), /2 bytes for 20 items, expected 3/],
      [text.replace("outcomes/1", "outcomes/2"), /newer than this version/],
      [text.replace("evergreen-outcomes", "else"), /format else\/1/],
      [text.replace('"items":20', '"items":-1'), /no item count/],
      ["[1", /no header line/],
      ["[1\n", /no JSON object/],
      ["", /no header line/],
    ];
    for (const [bytes, message] of wrong) {
      expect(() => decodeOutcomes(Buffer.from(bytes, "latin1"))).toThrow(OutcomesError);
      expect(() => decodeOutcomes(Buffer.from(bytes, "latin1"))).toThrow(message);
    }
    expect(() => decodeOutcomes(Buffer.from(text, "latin1").subarray(0, 10))).toThrow(OutcomesError);
  });
});

describe("subset", () => {
  test.each([
    [10_000, 100, 1000],
    [1000, 1000, 1000],
    [1777, 1777, 1777],
    [272, 10, 272],
    [14_117, 1599, 3198],
    [25_000, 27, 2500],
    [4103, 1701, 3402],
    [5000, 5000, 5000],
  ])("%i items of %i classes give %i at a tenth", (items, classes, want) => {
    expect(subsetSize(items, classes, 0.1)).toBe(want);
  });
  test("holds ⌊m/C⌋ of each class, sorted, each once, and is the same however often it is asked", () => {
    const labels = Array.from({ length: 4000 }, (_, i) => (i < 10 ? 0 : 1 + (i % 30)));
    const random = createRandom(0);
    const got = subsetOf(random, labels, { set: "x", fraction: 0.1 });
    expect(got.length).toBe(400);
    expect([...got]).toEqual([...new Set(got)].sort((a, b) => a - b));
    for (let label = 0; label <= 30; label++) {
      const held = [...got].filter((item) => labels[item] === label).length;
      expect(held).toBeGreaterThanOrEqual(label === 0 ? 10 : Math.floor(400 / 31));
    }
    expect(subsetOf(random, labels, { set: "x", fraction: 0.1 })).toEqual(got);
    expect(subsetOf(random, labels, { set: "y", fraction: 0.1 })).not.toEqual(got);
  });
  test("small sets stay whole", () => {
    expect(subsetOf(createRandom(0), [4, 4, 9], { set: "x", fraction: 0.1 })).toEqual(Uint32Array.of(0, 1, 2));
    expect(subsetOf(createRandom(0), [], { set: "x", fraction: 0.1 }).length).toBe(0);
  });
});
