import fc from "fast-check";
import { expect, test } from "vitest";
import { bitsOf, drawnEntries, storedTypes } from "../../test/engine/stored-entries.ts";
import { isAllFinite, narrow, squaredDistances, sumOfRows, taskVectors } from "./entries.ts";
import { setThreads } from "./facts.ts";
import { add, concat, mulNumber, reshape, select, slice, sub, to, toDevice, transpose } from "./ops.ts";
import { scope } from "./scope.ts";
import { read, readFloats, type Tensor, tensor } from "./tensor.ts";

const count = fc.integer({ min: 1, max: 9 });
const size = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(4095, 4096, 4097, 20_001));

test("a sum of rows has the bits of products and sums one after another, in every type and for any number of threads", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), fc.constantFrom(1, 2), (n, length, seed, threads) => {
      setThreads(threads);
      scope(() => {
        const terms = Array.from({ length: n }, (_, i) => drawnEntries(length, seed + i, storedTypes[(i + n) % 3] ?? "float32"));
        const weights = terms.map((_, i) => ((seed % 7) + i) / 3 - 1);
        const [first, ...others] = terms.map((term, i) => mulNumber(to(term, "float32"), weights[i] ?? 0)) as [Tensor, ...Tensor[]];
        expect(bitsOf(sumOfRows(terms, weights))).toEqual(bitsOf(others.reduce(add, first)));
      });
    }),
    { numRuns: 60 },
  );
});

test("rows that lie below each other are terms too, in whatever layout", () => {
  scope(() => {
    const [a, b, c] = [1, 2, 3].map((seed) => drawnEntries(50, seed, "float32")) as [Tensor, Tensor, Tensor];
    const apart = bitsOf(sumOfRows([a, b, c], [2, 0.3, -1]));
    const rows = reshape(concat([b, c], 0), [2, 50]);
    expect(bitsOf(sumOfRows([a, rows], [2, 0.3, -1]))).toEqual(apart);
    const turned = transpose(reshape(concat([rows, rows], 0), [4, 50]), 0, 1);
    expect(bitsOf(sumOfRows([slice(reshape(transpose(turned, 0, 1), [4, 50]), 0, 0, 2)], [1, 1]))).toEqual(bitsOf(add(b, c)));
  });
});

test("squared distances are the sums in double precision, the same bits for any number of threads", () => {
  fc.assert(
    fc.property(count, size, fc.integer(), (n, length, seed) => {
      scope(() => {
        const base = drawnEntries(length, seed + 99, "float32");
        const models = Array.from({ length: n }, (_, i) => drawnEntries(length, seed + i, storedTypes[(i + n) % 3] ?? "float32"));
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
    for (const type of storedTypes)
      for (const at of [0, 4095, 4096, 9999])
        for (const entry of [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])
          expect(isAllFinite(to(tensor(new Float32Array(10_000).with(at, entry), [10_000], "float32"), type)), `${type} ${at}`).toBe(
            entry === 1,
          );
    const huge = tensor(new Float32Array(5000).fill(-3.4e38), [5000], "float32");
    expect([odd, slice(odd, 0, 1, 3), slice(odd, 0, 2, 3), huge].map(isAllFinite)).toEqual([false, false, true, true]);
  });
});

test("narrowed entries are those of libtorch's conversion, and tell whether they are finite", () => {
  // Halves between two neighbours, subnormal results, the largest that fit, the smallest that do not, and what is no number.
  const special = [0, -0, 1, 1.00390625, 1.01171875, 2 ** -24, 1.5 * 2 ** -25, 2 ** -133, 65504, 65519.99, 3.38e38];
  const drawn = drawnEntries(9_000, 5, "float32");
  scope(() => {
    for (const type of ["bfloat16", "float16"] as const) {
      for (const given of [drawn, tensor(special, [special.length], "float32")]) {
        const { stored, allFinite } = narrow(given, type);
        expect([stored.shape, stored.dtype]).toEqual([given.shape, type]);
        expect(bitsOf(to(stored, "float32"))).toEqual(bitsOf(to(to(given, type), "float32")));
        expect(allFinite).toBe(isAllFinite(to(given, type)));
      }
      for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, -3.4028234e38, type === "float16" ? 65520 : 3.4e38]) {
        const { stored, allFinite } = narrow(tensor(new Float32Array(5000).with(4999, odd), [5000], "float32"), type);
        expect(allFinite, `${odd} in ${type}`).toBe(false);
        expect(readFloats(to(stored, "float32"))[4999]).toBe(Number.isNaN(odd) ? Number.NaN : Math.sign(odd) * Number.POSITIVE_INFINITY);
      }
    }
    expect(narrow(drawn, "bfloat16").allFinite).toBe(true);
    expect(() => narrow(to(drawn, "float64"), "float16")).toThrow(/narrow: expected float32 to float16 or bfloat16, got Double/);
    expect(() => narrow(toDevice(drawn, "meta"), "float16")).toThrow(/on meta/);
  });
});

test("shapes alone give shapes, and what does not fit is refused", () => {
  scope(() => {
    const [a, b] = [drawnEntries(5, 1, "float32"), drawnEntries(6, 2, "float32")];
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
        const base = drawnEntries(length, seed + 99, "float32");
        const models = Array.from({ length: n }, (_, i) => drawnEntries(length, seed + i, storedTypes[(i + n) % 3] ?? "float32"));
        const factors = models.map((_, i) => (i === 0 ? 1 : i / 3));
        const rows = taskVectors(models, base, factors);
        expect(rows.shape).toEqual([n, length]);
        models.forEach((model, i) => {
          expect(bitsOf(select(rows, 0, i))).toEqual(bitsOf(mulNumber(sub(to(model, "float32"), base), factors[i] ?? 1)));
        });
      });
    }),
    { numRuns: 40 },
  );
});
