import { describe, expect, test } from "vitest";
import { aggregate, meanPerConcept, tripleOf } from "./aggregate.ts";

describe("aggregates", () => {
  test("KA and ZS are means over sets, GM their geometric mean", () => {
    const got = tripleOf({ a: 0.4, b: 0.8, c: 0.375 }, { streamed: ["b", "a"], heldOut: ["c"] });
    expect(got.knowledge.value).toBeCloseTo(0.6, 12);
    expect(got.zeroShot.value).toBe(0.375);
    expect(got.geometricMean).toBeCloseTo(Math.sqrt(0.225), 12);
    expect(got.knowledge.covers).toEqual(["a", "b"]);
  });
  test("a missing set is listed, not counted as 0", () => {
    expect(aggregate({ a: 0.5, b: undefined }, ["a", "b", "c"])).toEqual({ value: 0.5, covers: ["a"], missing: ["b", "c"] });
    expect(aggregate({}, ["a"]).value).toBeUndefined();
    expect(tripleOf({ a: 1 }, { streamed: ["a"], heldOut: ["b"] }).geometricMean).toBeUndefined();
  });
  test("per concept weighs sets by their classes and leaves out what has none", () => {
    expect(meanPerConcept({ a: 0.2, b: 0.8, c: 1 }, { a: 3, b: 1, c: 0, d: 5 })).toBeCloseTo(0.35, 12);
    expect(meanPerConcept({ c: 1 }, { c: 0 })).toBeUndefined();
  });
});
