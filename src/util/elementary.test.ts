import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cosPi, exp, ln } from "./elementary.ts";

const relative = (got: number, want: number): number => (got === want ? 0 : Math.abs(got - want) / Math.abs(want));

describe("ln", () => {
  test("agrees with Math.log to 1e-15 relative over all magnitudes", () => {
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true }), (x) => {
        expect(relative(ln(x), Math.log(x))).toBeLessThanOrEqual(1e-15);
      }),
      { numRuns: 3000 },
    );
  });
  test("agrees with Math.log to 1e-15 relative near 1 and on the uniforms of Box-Muller", () => {
    for (let i = 1; i < 4000; i++) {
      for (const x of [1 - i * 2 ** -24, 1 + i * 2 ** -40, i * 2 ** -24, 0.6 + i * 2e-4])
        expect(relative(ln(x), Math.log(x)), `ln(${x})`).toBeLessThanOrEqual(1e-15);
    }
  });
  test("keeps the borders of the domain", () => {
    expect([ln(1), ln(0), ln(Number.POSITIVE_INFINITY), ln(-1), ln(Number.NaN)]).toEqual([0, -Infinity, Infinity, Number.NaN, Number.NaN]);
  });
});

describe("cosPi", () => {
  test("agrees with Math.cos and Math.sin of the reduced angle to 1e-15 relative", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 2, noNaN: true }), (x) => {
        // x minus a multiple of one half is exact, so the reference's own argument is as good as it can be.
        const references = [
          () => Math.cos(Math.PI * x),
          () => -Math.sin(Math.PI * (x - 0.5)),
          () => -Math.cos(Math.PI * (x - 1)),
          () => Math.sin(Math.PI * (x - 1.5)),
          () => Math.cos(Math.PI * (x - 2)),
        ];
        const want = references[Math.round(2 * x)]?.() ?? Number.NaN;
        expect(relative(cosPi(x), want)).toBeLessThanOrEqual(1e-15);
      }),
      { numRuns: 3000 },
    );
  });
  test("is exact at multiples of one half", () => {
    expect([-1, -0.5, 0, 0.5, 1, 1.5, 2].map((x) => cosPi(x))).toEqual([-1, 0, 1, 0, -1, 0, 1]);
  });
});

describe("exp", () => {
  test("agrees with Math.exp to 1e-15 relative and is the inverse of ln", () => {
    fc.assert(
      fc.property(fc.double({ min: -708, max: 709.7, noNaN: true }), (x) => {
        expect(relative(exp(x), Math.exp(x))).toBeLessThanOrEqual(1e-15);
        expect(Math.abs(ln(exp(x)) - x)).toBeLessThanOrEqual(1e-15 * Math.max(1, Math.abs(x)));
      }),
      { numRuns: 3000 },
    );
  });
  test("keeps the borders of the domain", () => {
    expect([exp(0), exp(-Infinity), exp(Infinity), exp(710), exp(-746), exp(Number.NaN)]).toEqual([
      1,
      0,
      Infinity,
      Infinity,
      0,
      Number.NaN,
    ]);
    expect(exp(-745)).toBeGreaterThan(0);
    expect(Number.isFinite(exp(709.78))).toBe(true);
  });
});
