import { expect, test } from "vitest";
import { entries } from "../../test/engine/small-models.ts";
import { setThreads } from "../engine/facts.ts";
import { scope } from "../engine/scope.ts";
import { tensor } from "../engine/tensor.ts";
import { ProductSums, type Products } from "./products.ts";

const [a, b] = [entries(10_000, 3), entries(10_000, 4)] as const;
const inPieces = (rows: readonly Float32Array[], sizes: (at: number) => number): Products =>
  scope(() => {
    const sums = new ProductSums(rows.length);
    const length = rows[0]?.length ?? 0;
    for (let at = 0; at < length; ) {
      const size = Math.min(sizes(at), length - at);
      sums.add(
        rows.map((row) => tensor(row.subarray(at, at + size), [size], "float32")),
        at,
      );
      at += size;
    }
    return sums.value;
  });

test("are sums of products in double precision", () => {
  const exact = a.reduce((sum, entry, i) => sum + BigInt(Math.round(entry * 2 ** 31)) * BigInt(Math.round((b[i] ?? 0) * 2 ** 31)), 0n);
  expect(Math.abs((inPieces([a, b], () => 10_000)[1]?.[0] ?? 0) - Number(exact) / 2 ** 62)).toBeLessThan(1e-10);
});

test("have the same bits however the entries are cut", () => {
  const whole = inPieces([a, b], () => 10_000);
  for (const size of [1, 3, 7, 1000, 4095, 4096, 4097])
    expect(
      inPieces([a, b], () => size),
      `${size}`,
    ).toEqual(whole);
  expect(inPieces([a, b], (at) => 1 + ((at * 31) % 97))).toEqual(whole);
});

test("are those of each pair alone, for any number of rows and threads", () => {
  for (const [count, length] of [
    [1, 5000],
    [2, 3],
    [3, 40_000],
    [6, 700],
    [41, 9000],
  ] as const) {
    const rows = Array.from({ length: count }, (_, i) => entries(length, i + 1));
    setThreads(1);
    const found = inPieces(rows, () => length);
    setThreads(2);
    expect(inPieces(rows, () => length)).toEqual(found);
    for (const [i, j] of [
      [0, 0],
      [count - 1, 0],
      [count - 1, count - 1],
      [count - 1, count >> 1],
    ] as const)
      expect(found[i]?.[j]).toBe(inPieces([rows[j] as Float32Array, rows[i] as Float32Array], () => length)[1]?.[0]);
  }
});

test("are cleared for the next tensor", () => {
  scope(() => {
    const sums = new ProductSums(1);
    const two = tensor([2], [1], "float32");
    sums.add([two], 0);
    sums.clear();
    sums.add([two, two].slice(1), 5);
    expect(sums.value).toEqual([[4]]);
  });
});
