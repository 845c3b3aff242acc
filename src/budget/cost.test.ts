import { expect, test } from "vitest";
import { chargedOperations, chargeOf, multiplierOf } from "./cost.ts";

test("a method's multiplier is its peak memory over the reference's", () => {
  expect(multiplierOf({ peakBytes: 80 }, { peakBytes: 80 })).toBe(1);
  expect(multiplierOf({ peakBytes: 40 }, { peakBytes: 80 })).toBe(0.5);
});

test("work at the ends of a task is paid once, or with each step", () => {
  const flops = { runStart: 1, taskStart: 10, step: 100, taskEnd: 1000 };
  expect(chargeOf(flops, 0.5, "fair")).toEqual({ runStart: 0.5, perTask: 505, perStep: 50 });
  expect(chargeOf(flops, 0.5, "published")).toEqual({ runStart: 0, perTask: 0, perStep: 555 });
});

test("products are charged once each; of all operations nothing is left out", () => {
  const work = { flops: 100, elements: 7, recomputed: 30 };
  expect([chargedOperations(work, "products"), chargedOperations(work, "all")]).toEqual([70, 107]);
  expect(chargedOperations({ flops: 100, elements: 7 }, "products")).toBe(100);
});
