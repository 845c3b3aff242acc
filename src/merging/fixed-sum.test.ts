import { expect, test } from "vitest";
import { entries } from "../../test/engine/small-models.ts";
import { FixedSum } from "./fixed-sum.ts";

const [a, b] = [entries(10_000, 3), entries(10_000, 4)];
const inPieces = (sizes: (at: number) => number): number => {
  const sum = new FixedSum();
  for (let at = 0; at < a.length; ) {
    const size = sizes(at);
    sum.add(a.subarray(at, at + size), b.subarray(at, at + size));
    at += size;
  }
  return sum.value;
};

test("is the sum of products in double precision", () => {
  const exact = a.reduce((sum, entry, i) => sum + BigInt(Math.round(entry * 2 ** 31)) * BigInt(Math.round((b[i] ?? 0) * 2 ** 31)), 0n);
  expect(Math.abs(inPieces(() => 10_000) - Number(exact) / 2 ** 62)).toBeLessThan(1e-10);
});

test("has the same bits however the entries are cut", () => {
  const whole = inPieces(() => 10_000);
  for (const size of [1, 3, 7, 1000, 4095, 4096, 4097])
    expect(
      inPieces(() => size),
      `${size}`,
    ).toBe(whole);
  expect(inPieces((at) => 1 + ((at * 31) % 97))).toBe(whole);
});
