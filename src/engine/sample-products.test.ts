import { afterEach, describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { setThreads } from "./facts.ts";
import { addSampleProductsInto } from "./in-place.ts";
import { meter } from "./meter.ts";
import { full, slice, to, transpose, zeros } from "./ops.ts";
import { scope } from "./scope.ts";
import { readFloats, type Tensor, tensor } from "./tensor.ts";

const draws = createRandom(3).at("test/sample-products");
const drawn = (...shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * draws.uniform() - 1),
    shape,
    "float32",
  );

const square = (entry: number): number => entry * entry;
const measures = { square, magnitude: Math.abs } as const;

/** In double precision, entry by entry. */
function plain(start: Float32Array, g: Tensor, x: Tensor, measure: keyof typeof measures): Float64Array {
  const [samples = 0, length = 0, n = 0] = g.shape;
  const k = x.shape[2] ?? 0;
  const [ofG, ofX] = [g, x].map((each) => readFloats(to(each, "float32"))) as [Float32Array, Float32Array];
  const sums = Float64Array.from(start);
  for (let b = 0; b < samples; b++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < k; j++) {
        let product = 0;
        for (let l = b * length; l < (b + 1) * length; l++) product += (ofG[l * n + i] as number) * (ofX[l * k + j] as number);
        sums[i * k + j] = (sums[i * k + j] as number) + measures[measure](product);
      }
  return sums;
}

function worst(found: Float32Array, expected: Float64Array): number {
  expect(found.length).toBe(expected.length);
  return found.reduce(
    (most, entry, i) => Math.max(most, Math.abs(entry - (expected[i] as number)) / (1 + Math.abs(expected[i] as number))),
    0,
  );
}

afterEach(() => {
  setThreads(2);
});

const cases = (["square", "magnitude"] as const).flatMap((measure) =>
  (["float32", "bfloat16"] as const).map((type) => [measure, type] as const),
);
describe.each(cases)("the sum over samples of each product's %s, of matrices in %s", (measure, type) => {
  const drawnIn = (...shape: readonly number[]): Tensor => to(drawn(...shape), type);

  test.each([
    [1, 1, 1, 1],
    [3, 2, 5, 7],
    [2, 17, 14, 32],
    [5, 13, 29, 65],
    [2, 3, 230, 390],
    [2, 200, 115, 195],
    [3, 33, 40, 17],
    [1, 130, 450, 600],
    [4, 0, 3, 2],
    [0, 4, 3, 2],
  ])("is that in double precision: %i samples of %i vectors, %i by %i", (samples, length, n, k) => {
    scope(() => {
      const [g, x, sum] = [drawnIn(samples, length, n), drawnIn(samples, length, k), drawn(n, k)];
      const expected = plain(readFloats(sum), g, x, measure);
      addSampleProductsInto(sum, g, x, measure);
      expect(worst(readFloats(sum), expected)).toBeLessThan(1e-5);
    });
  });

  test("is the same for matrices that do not lie row by row, into a part of a sum alone", () => {
    scope(() => {
      const [g, x] = [drawnIn(3, 40, 6), drawnIn(3, 50, 6)];
      const [turnedG, turnedX] = [transpose(g, 1, 2), transpose(x, 1, 2)];
      const sum = zeros([90, 50], "float32");
      addSampleProductsInto(slice(sum, 0, 20, 60), turnedG, turnedX, measure);
      const expected = plain(new Float32Array(2000), turnedG, turnedX, measure);
      const found = readFloats(sum);
      expect(worst(found.slice(1000, 3000), expected)).toBeLessThan(1e-5);
      expect(found.slice(0, 1000).every((entry) => entry === 0) && found.slice(3000).every((entry) => entry === 0)).toBe(true);
    });
  });

  test("has the same bits for any number of threads", () => {
    scope(() => {
      const [g, x] = [drawnIn(4, 9, 450), drawnIn(4, 9, 500)];
      const [one, two, four] = [1, 2, 4].map((threads) => {
        setThreads(threads);
        const sum = full([450, 500], 0.5, "float32");
        addSampleProductsInto(sum, g, x, measure);
        return Buffer.from(readFloats(sum).buffer);
      }) as [Buffer, Buffer, Buffer];
      expect([two, four].map((each) => each.equals(one))).toEqual([true, true]);
    });
  });
});

test("its work is that of the products, on shapes alone too", () => {
  for (const device of ["cpu", "meta"])
    scope(() => {
      const [g, x, sum] = [zeros([3, 4, 5], "float32", device), zeros([3, 4, 7], "float32", device), zeros([5, 7], "float32", device)];
      expect(meter(() => addSampleProductsInto(sum, g, x, "square")).flops).toBe(2 * 3 * 4 * 5 * 7);
    });
});

test("matrices that do not fit are refused with their shapes", () => {
  scope(() => {
    const sum = zeros([5, 7], "float32");
    for (const [g, x] of [
      [
        [3, 4, 5],
        [3, 4, 6],
      ],
      [
        [3, 4, 5],
        [2, 4, 7],
      ],
      [
        [3, 4, 5],
        [3, 3, 7],
      ],
      [
        [4, 5],
        [4, 7],
      ],
    ] as const)
      expect(() => addSampleProductsInto(sum, zeros(g, "float32"), zeros(x, "float32"), "square")).toThrow(/do not fit|expected sum/);
    for (const [ofG, ofX] of [
      ["float64", "float32"],
      ["bfloat16", "float32"],
    ] as const)
      expect(() => addSampleProductsInto(sum, zeros([3, 4, 5], ofG), zeros([3, 4, 7], ofX), "square")).toThrow(/float32/);
    const short = zeros([3, 4, 5], "bfloat16");
    expect(() => addSampleProductsInto(zeros([5, 5], "bfloat16"), short, short, "square")).toThrow(/float32 sum/);
  });
});
