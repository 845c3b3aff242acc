import { expect, test } from "vitest";
import { pools, registeredPool } from "./pools.ts";

test("four pools, of which two have a subset that the published code names", () => {
  expect(pools.map(({ handle, published }) => [handle, published])).toEqual([
    ["laion-400m", 1_380_000],
    ["cc12m", null],
    ["cc3m", null],
    ["datacomp-small", 1_251_473],
  ]);
  expect(pools.every(({ pairs, published }) => pairs > (published ?? 0))).toBe(true);
});

test("a pool is found in any letter case; an unknown one names the nearest", () => {
  expect(registeredPool("CC3M")).toBe(pools[2]);
  expect(() => registeredPool("cc3")).toThrow(expect.objectContaining({ code: "EG-2001", fix: "did you mean: cc3m" }));
});
