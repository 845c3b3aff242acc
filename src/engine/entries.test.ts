import fc from "fast-check";
import { expect, test } from "vitest";
import { philox, philoxKey } from "../util/random.ts";
import { above, below, clampMax, clampMin, maximum } from "./elementwise.ts";
import {
  addSides,
  countMagnitudes,
  cutRows,
  dropByLot,
  isAllFinite,
  type KnownBits,
  philoxWords,
  squaredDistances,
  sumOfRows,
  taskVectors,
} from "./entries.ts";
import { setThreads } from "./facts.ts";
import { add, clone, concat, mulNumber, neg, reshape, select, slice, stack, sub, to, toDevice, transpose, zeros } from "./ops.ts";
import { scope } from "./scope.ts";
import { type DType, read, readFloats, type Tensor, tensor } from "./tensor.ts";

/** Entries of all magnitudes, with zeros of both signs, in a type that files have. */
function drawn(size: number, seed: number, dtype: DType): Tensor {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const entries = Float32Array.from({ length: size }, () =>
    next() < 0.1 ? (next() < 0.5 ? 0 : -0) : (next() - 0.5) * 2 ** (8 * next() - 4),
  );
  return to(tensor(entries, [size], "float32"), dtype);
}
const bits = (value: Tensor): readonly number[] => Array.from(new Int32Array(readFloats(value).buffer));
const types = ["float32", "float16", "bfloat16"] as const;
const count = fc.integer({ min: 1, max: 9 });
const size = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(4095, 4096, 4097, 20_001));

test("a sum of rows has the bits of products and sums one after another, in every type and for any number of threads", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), fc.constantFrom(1, 2), (n, length, seed, threads) => {
      setThreads(threads);
      scope(() => {
        const terms = Array.from({ length: n }, (_, i) => drawn(length, seed + i, types[(i + n) % 3] ?? "float32"));
        const weights = terms.map((_, i) => ((seed % 7) + i) / 3 - 1);
        const [first, ...others] = terms.map((term, i) => mulNumber(to(term, "float32"), weights[i] ?? 0)) as [Tensor, ...Tensor[]];
        expect(bits(sumOfRows(terms, weights))).toEqual(bits(others.reduce(add, first)));
      });
    }),
    { numRuns: 60 },
  );
});

test("rows that lie below each other are terms too, in whatever layout", () => {
  scope(() => {
    const [a, b, c] = [1, 2, 3].map((seed) => drawn(50, seed, "float32")) as [Tensor, Tensor, Tensor];
    const apart = bits(sumOfRows([a, b, c], [2, 0.3, -1]));
    const rows = reshape(concat([b, c], 0), [2, 50]);
    expect(bits(sumOfRows([a, rows], [2, 0.3, -1]))).toEqual(apart);
    const turned = transpose(reshape(concat([rows, rows], 0), [4, 50]), 0, 1);
    expect(bits(sumOfRows([slice(reshape(transpose(turned, 0, 1), [4, 50]), 0, 0, 2)], [1, 1]))).toEqual(bits(add(b, c)));
  });
});

test("squared distances are the sums in double precision, the same bits for any number of threads", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), (n, length, seed) => {
      scope(() => {
        const base = drawn(length, seed + 99, "float32");
        const models = Array.from({ length: n }, (_, i) => drawn(length, seed + i, types[(i + n) % 3] ?? "float32"));
        setThreads(1);
        const found = squaredDistances(models, base);
        setThreads(2);
        expect(squaredDistances(models, base)).toEqual(found);
        models.forEach((model, i) => {
          const expected = Array.from(read(sub(to(model, "float32"), base)) as Float32Array).reduce((sum, each) => sum + each ** 2, 0);
          expect(Math.abs((found[i] ?? Number.NaN) - expected)).toBeLessThanOrEqual(1e-13 * expected);
        });
      });
    }),
    { numRuns: 40 },
  );
});

test("entries that are no numbers stay so", () => {
  scope(() => {
    const odd = tensor([Number.NaN, Number.POSITIVE_INFINITY, 1], [3], "float32");
    expect([...readFloats(sumOfRows([odd, odd], [1, -1]))]).toEqual([Number.NaN, Number.NaN, 0]);
    expect(squaredDistances([odd], sub(odd, odd))).toEqual([Number.NaN]);
    const huge = tensor(new Float32Array(5000).fill(-3.4e38), [5000], "float32");
    expect([odd, slice(odd, 0, 1, 3), slice(odd, 0, 2, 3), huge].map(isAllFinite)).toEqual([false, false, true, true]);
  });
});

test("shapes alone give shapes, and what does not fit is refused", () => {
  scope(() => {
    const [a, b] = [drawn(5, 1, "float32"), drawn(6, 2, "float32")];
    const plan = toDevice(a, "meta");
    const { shape, dtype, device } = sumOfRows([plan], [1]);
    expect([shape, dtype, device]).toEqual([[5], "float32", "meta"]);
    expect(() => sumOfRows([a, b], [1, 1])).toThrow(/weighted_sum: expected \[5\] or \[n, 5\], got \[6\]/);
    expect(() => sumOfRows([a], [1, 2])).toThrow(/expected a weight for each of 1 rows, got 2/);
    expect(() => sumOfRows([], [])).toThrow(/at least one term/);
    expect(() => sumOfRows([a, plan], [1, 1])).toThrow(/one device/);
    expect(() => sumOfRows([to(a, "float64")], [1])).toThrow(/expected float32, float16 or bfloat16, got Double/);
    expect(() => squaredDistances([b], a)).toThrow(/squared_distances: expected \[5\]/);
    expect(() => squaredDistances([a], to(a, "bfloat16"))).toThrow(/float32 base/);
  });
});

test("task vectors have the bits of differences times factors", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), (n, length, seed) => {
      scope(() => {
        const base = drawn(length, seed + 99, "float32");
        const models = Array.from({ length: n }, (_, i) => drawn(length, seed + i, types[(i + n) % 3] ?? "float32"));
        const factors = models.map((_, i) => (i === 0 ? 1 : i / 3));
        const rows = taskVectors(models, base, factors);
        expect(rows.shape).toEqual([n, length]);
        models.forEach((model, i) => {
          expect(bits(select(rows, 0, i))).toEqual(bits(mulNumber(sub(to(model, "float32"), base), factors[i] ?? 1)));
        });
      });
    }),
    { numRuns: 40 },
  );
});

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
        const models = [1, 2, 3].map((seed) => drawn(length, seed, "float32"));
        const rows = stack(models, 0);
        dropByLot(rows, drop, { entry: 2 ** 32 - 40, step: 5, task: 3 }, key);
        models.forEach((model, i) => {
          const kept = Float32Array.from({ length }, (_, k) =>
            (philox([0, (2 ** 32 - 40 + k) >>> 0, 5 + i, 3], key)[0] >>> 8) * 2 ** -24 < drop ? 0 : 1,
          );
          const expected = readFloats(model).map((entry, k) => Math.fround(entry * (kept[k] ?? 0)) / Math.fround(1 - drop));
          expect(bits(select(rows, 0, i))).toEqual([...new Int32Array(expected.buffer)]);
        });
      });
});

test("magnitudes are counted by their upper bits, then by the lower ones, then as a whole", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), (n, length, seed) => {
      scope(() => {
        const models = Array.from({ length: n }, (_, i) => drawn(length, seed + i, i % 2 === 0 ? "bfloat16" : "float32"));
        const rows = stack(
          models.map((model) => to(model, "float32")),
          0,
        );
        const magnitudes = models.map((model) => bits(to(model, "float32")).map((each) => each & 0x7fffffff));
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
          countMagnitudes(rows, { known, prefixes }, (row, bucket, times) => times > 0 && found[row]?.set(bucket, times));
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
        const models = Array.from({ length: n }, (_, i) => drawn(length, seed + i, "float32"));
        const start = stack(
          [4, 5, 6, 7].map((more) => drawn(length, seed - more, "float32")),
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
    expect(() => addSides(zeros([3, 5]), rows)).toThrow(/sides \[2, 5\] or \[4, 5\]/);
  });
});
