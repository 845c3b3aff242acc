import fc from "fast-check";
import { expect, test } from "vitest";
import { bitsOf, drawnEntries } from "../../test/engine/stored-entries.ts";
import { philox, philoxKey } from "../util/random.ts";
import { above, below, clampMax, clampMin, equals, maximum, sign, where } from "./elementwise.ts";
import { addSides, countMagnitudes, cutRows, dropByLot, electedOf, type KnownBits, philoxWords, taskVectors } from "./entries.ts";
import { setThreads } from "./facts.ts";
import { add, clone, div, full, neg, select, stack, to, transpose, zeros } from "./ops.ts";
import { scope } from "./scope.ts";
import { readFloats, type Tensor, tensor } from "./tensor.ts";

const count = fc.integer({ min: 1, max: 9 });
const size = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(4095, 4096, 4097, 20_001));

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test("each word is Philox's first at its own counter, for any key, step and task, past the end of 32 bits too", () => {
  fc.assert(
    fc.property(fc.record({ entry: word, step: word, task: word }), fc.tuple(word, word), fc.integer({ min: 0, max: 99 }), (at, key, n) => {
      const expected = Array.from({ length: n }, (_, i) => philox([0, (at.entry + i) >>> 0, at.step, at.task], key)[0]);
      expect([...philoxWords(n, at, key)]).toEqual(expected);
    }),
  );
  // Philox 4x32-10 of Random123's known answers whose first counter word is 0: all words 0.
  expect([...philoxWords(1, { entry: 0, step: 0, task: 0 }, [0, 0])]).toEqual([0x6627e8d5]);
});

test("entries drop where the reference's draw lies below the probability; others are divided by what is left", () => {
  const key = philoxKey(7, "merge/dare");
  for (const [drop, length] of [
    [0.8, 9001],
    [0.123, 4097],
    [2 ** -24, 50],
    [0, 50],
    [0.99, 65],
  ] as const)
    for (const threads of [1, 2])
      scope(() => {
        setThreads(threads);
        const models = [1, 2, 3].map((seed) => drawnEntries(length, seed, "float32"));
        const rows = stack(models, 0);
        dropByLot(rows, drop, { entry: 2 ** 32 - 40, step: 5, task: 3 }, key);
        models.forEach((model, i) => {
          const kept = Float32Array.from({ length }, (_, k) =>
            (philox([0, (2 ** 32 - 40 + k) >>> 0, 5 + i, 3], key)[0] >>> 8) * 2 ** -24 < drop ? 0 : 1,
          );
          const expected = readFloats(model).map((entry, k) => Math.fround(entry * (kept[k] ?? 0)) / Math.fround(1 - drop));
          expect(bitsOf(select(rows, 0, i))).toEqual([...new Int32Array(expected.buffer)]);
        });
      });
});

test("magnitudes are counted by their upper bits, then by the lower ones, then as a whole", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), (n, length, seed) => {
      scope(() => {
        const models = Array.from({ length: n }, (_, i) => drawnEntries(length, seed + i, i % 2 === 0 ? "bfloat16" : "float32"));
        const rows = stack(
          models.map((model) => to(model, "float32")),
          0,
        );
        const magnitudes = models.map((model) => bitsOf(to(model, "float32")).map((each) => each & 0x7fffffff));
        const wanted = magnitudes.map((each) => each[seed & 31] ?? 0);
        for (const [known, lower] of [
          [0, 15],
          [16, 0],
          [31, 0],
        ] as const satisfies readonly (readonly [KnownBits, number])[]) {
          const prefixes = wanted.map((each) => (known === 0 ? 0 : each >>> (31 - known)));
          const expected = magnitudes.map((each, row) => {
            const own = each.filter((bit) => known === 0 || bit >>> (31 - known) === prefixes[row]);
            return tally(own.map((bit) => (known === 0 ? bit >>> lower : bit & (2 ** (31 - known) - 1))));
          });
          const found = magnitudes.map(() => new Map<number, number>());
          countMagnitudes(rows, { known, prefixes }, (row, bucket, times) => {
            if (times > 0) found[row]?.set(bucket, times);
          });
          expect(found.map((each) => [...each])).toEqual(expected);
        }
      });
    }),
    { numRuns: 40 },
  );
});

/** How often each number occurs, smallest first. */
function tally(of: readonly number[]): readonly (readonly [number, number])[] {
  const counts = new Map<number, number>();
  for (const each of of) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b);
}

test("a cut takes what lies beyond the limit, and of equal ones those of a run", () => {
  const entries = [1, -2, Number.NaN, 2, -1, 2, 3, -3, 0.5];
  const cut = (side: "smallest" | "largest", from: number, end: number): readonly number[] =>
    scope(() => {
      const rows = tensor([...entries, ...entries], [2, 9], "float32");
      cutRows(rows, side, [
        { magnitude: 2, from, to: end },
        { magnitude: 0, from: 0, to: 0 },
      ]);
      return [...readFloats(rows)].slice(0, 9).map((each) => each + 0);
    });
  expect(cut("smallest", 0, 4)).toEqual([0, 0, Number.NaN, 0, 0, 2, 3, -3, 0]);
  expect(cut("smallest", 0, 9)).toEqual([0, 0, Number.NaN, 0, 0, 0, 3, -3, 0]);
  expect(cut("smallest", 4, 4)).toEqual([0, -2, Number.NaN, 2, 0, 2, 3, -3, 0]);
  expect(cut("largest", 2, 5)).toEqual([1, -2, Number.NaN, 0, -1, 2, 0, 0, 0.5]);
});

test("both sides have the bits of sums, counts and extremes one after another", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), (n, length, seed) => {
      scope(() => {
        const models = Array.from({ length: n }, (_, i) => drawnEntries(length, seed + i, "float32"));
        const start = stack(
          [4, 5, 6, 7].map((more) => drawnEntries(length, seed - more, "float32")),
          0,
        );
        const [up, down, ...others] = [0, 1, 2, 3].map((k) => select(start, 0, k)) as [Tensor, Tensor, Tensor, Tensor];
        const sums = [
          models.reduce((sum, each) => add(sum, clampMin(each, 0)), up),
          models.reduce((sum, each) => add(sum, clampMax(each, 0)), down),
        ];
        const counts = [
          models.reduce((sum, each) => add(sum, to(above(each, 0), "float32")), others[0]),
          models.reduce((sum, each) => add(sum, to(below(each, 0), "float32")), others[1]),
        ];
        const furthest = [
          models.reduce((most, each) => maximum(most, clampMin(each, 0)), others[0]),
          neg(models.reduce((most, each) => maximum(most, neg(clampMax(each, 0))), neg(others[1]))),
        ];
        for (const [more, expected] of [
          ["count", [...sums, ...counts]],
          ["furthest", [...sums, ...furthest]],
        ] as const) {
          const sides = clone(start);
          addSides(sides, stack(models, 0), more);
          // A zero's sign is left open: libtorch's own extremes choose it by the entry's place.
          expect([...readFloats(sides)].map((each) => each + 0)).toEqual([...readFloats(stack(expected, 0))].map((each) => each + 0));
        }
      });
    }),
    { numRuns: 40 },
  );
});

test("the elected entry is that of the leading sign, or of the majority where both cancel", () => {
  fc.assert(
    fc.property(size, fc.integer(), fc.constantFrom(-1, 0, 1), (length, seed, majority) => {
      scope(() => {
        const [up, down] = [
          clampMin(drawnEntries(length, seed, "bfloat16"), 0),
          clampMax(drawnEntries(length, seed + 1, "bfloat16"), 0),
        ].map((each) => to(each, "float32")) as [Tensor, Tensor];
        const [more, less] = [drawnEntries(length, seed + 2, "float32"), drawnEntries(length, seed + 3, "float32")];
        const total = sign(add(up, down));
        const signs = where(equals(total, 0), full([length], majority), total);
        const expected = (positive: Tensor, negative: Tensor): readonly number[] =>
          bitsOf(where(above(signs, 0), positive, where(below(signs, 0), negative, zeros([length]))));
        const sides = stack([up, down, more, less], 0);
        expect(bitsOf(electedOf(stack([up, down], 0), majority))).toEqual(expected(up, down));
        expect(bitsOf(electedOf(sides, majority))).toEqual(expected(div(up, clampMin(more, 1)), div(down, clampMin(less, 1))));
        expect(bitsOf(electedOf(sides, majority, "furthest"))).toEqual(expected(more, less));
      });
    }),
    { numRuns: 60 },
  );
});

test("operators on rows refuse what is not theirs, and change nothing of shapes alone", () => {
  scope(() => {
    const [rows, plan] = [zeros([2, 5]), zeros([2, 5], "float32", "meta")];
    const at = { entry: 0, step: 0, task: 0 };
    const limit = { magnitude: 1, from: 0, to: 5 };
    for (const each of [plan, rows]) {
      dropByLot(each, 0.5, at, [1, 2]);
      cutRows(each, "smallest", [limit, limit]);
      addSides(each, each);
    }
    expect(taskVectors([select(plan, 0, 0)], select(plan, 0, 1), [1]).shape).toEqual([1, 5]);
    expect(() => taskVectors([select(rows, 0, 0)], select(rows, 0, 1), [])).toThrow(/a factor for each of 1 models, got 0/);
    expect(() => dropByLot(rows, 1, at, [1, 2])).toThrow(/a probability below 1, got 1/);
    expect(() => dropByLot(rows, 0.5, { ...at, step: 2 ** 32 }, [1, 2])).toThrow(/words of 32 bits, got 4294967296/);
    expect(() => dropByLot(to(rows, "bfloat16"), 0.5, at, [1, 2])).toThrow(/contiguous Float, got BFloat16/);
    expect(() => philoxWords(-1, at, [1, 2])).toThrow(/size of at least 0/);
    expect(() => countMagnitudes(rows, { known: 16, prefixes: [0, 2 ** 16] }, () => undefined)).toThrow(/prefixes of 16 bits/);
    expect(() => countMagnitudes(plan, { known: 0, prefixes: [0, 0] }, () => undefined)).toThrow(/not known without data/);
    expect(() => cutRows(rows, "largest", [limit])).toThrow(/for each of 2 rows/);
    expect(() => cutRows(rows, "largest", [limit, { ...limit, to: 6 }])).toThrow(/from ≤ to ≤ 5, got 0 and 6/);
    expect(() => cutRows(transpose(rows, 0, 1), "largest", [])).toThrow(/contiguous/);
    expect(electedOf(plan, 0).shape).toEqual([5]);
    expect(() => electedOf(rows, 2)).toThrow(/majority of 1, -1 or 0, got 2/);
    expect(() => electedOf(zeros([3, 5]), 1)).toThrow(/sides \[2, size\]/);
    expect(() => addSides(zeros([3, 5]), rows)).toThrow(/sides \[2, 5\] or \[4, 5\]/);
  });
});
