import { expect, test } from "vitest";
import { chargeOf, multiplierOf } from "./cost.ts";

test("a method's multiplier is its peak memory over the reference's", () => {
  expect(multiplierOf({ peakBytes: 80 }, { peakBytes: 80 })).toBe(1);
  expect(multiplierOf({ peakBytes: 40 }, { peakBytes: 80 })).toBe(0.5);
});

test("work at the ends of a task is paid once, or with each step", () => {
  const flops = { runStart: 1, taskStart: 10, step: 100, taskEnd: 1000 };
  expect(chargeOf(flops, 0.5, "fair")).toEqual({ runStart: 0.5, perTask: 505, perStep: 50 });
  expect(chargeOf(flops, 0.5, "published")).toEqual({ runStart: 0, perTask: 0, perStep: 555 });
});
