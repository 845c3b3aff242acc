import { describe, expect, test } from "vitest";
import { furthest } from "../../test/engine/toy-merges.ts";
import { type Recency, recencies, recencyFactors, recencyShares, runningShare } from "./shares.ts";

const ofFour: Readonly<Record<Recency, readonly number[]>> = {
  uniform: [0.25, 0.25, 0.25, 0.25],
  linear: [0.1, 0.2, 0.3, 0.4],
  sqrt: [0.1627, 0.230093, 0.281805, 0.325401],
  quadratic: [0.033333, 0.133333, 0.3, 0.533333],
  cubic: [0.01, 0.08, 0.27, 0.64],
  fifth: [0.000769, 0.024615, 0.186923, 0.787692],
  tenth: [0.000001, 0.000924, 0.053262, 0.945813],
  exp: [0.066667, 0.133333, 0.266667, 0.533333],
  log: [0.144783, 0.229476, 0.289566, 0.336176],
};

describe.each(recencies)("%s", (recency) => {
  test("of four models is the table's, and reversed from the other end", () => {
    expect(furthest(recencyShares(recency, 4), ofFour[recency])).toBeLessThan(5e-7);
    expect(recencyShares(recency, 4, true)).toEqual([...recencyShares(recency, 4)].reverse());
  });

  test("adds up to 1 for 1 to 2,000 models, never falls with age, and never overflows", () => {
    for (const n of [1, 2, 5, 200, 2000]) {
      const shares = recencyShares(recency, n);
      expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1)).toBeLessThan(1e-12);
      expect(shares.every((share, i) => Number.isFinite(share) && share >= (shares[i - 1] ?? 0))).toBe(true);
    }
  });

  test("is what running means with its share of the newest give", () => {
    let shares: number[] = [1];
    for (let n = 2; n <= 30; n++) {
      const newest = runningShare(recency, n);
      shares = [...shares.map((share) => share * (1 - newest)), newest];
    }
    expect(furthest(shares, recencyShares(recency, 30))).toBeLessThan(1e-12);
  });

  test("as factors of task vectors it is relative to an equal share", () => {
    for (const n of [1, 3, 49]) {
      const shares = recencyShares(recency, n, true).map((share) => share * n);
      expect(furthest(recencyFactors(recency, n, true), shares)).toBeLessThan(1e-12);
    }
    expect(recencyFactors("uniform", 49)).toEqual(Array(49).fill(1));
  });
});
