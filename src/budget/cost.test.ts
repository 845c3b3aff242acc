import { expect, test } from "vitest";
import { chargeOf, mafs } from "./cost.ts";

test("MAFs are FLOPs times peak memory over the reference's", () => {
  const reference = { flops: 100, peakBytes: 80 };
  expect(mafs(reference, reference)).toBe(100);
  expect(mafs({ flops: 60, peakBytes: 40 }, reference)).toBe(30);
});

test("work at the ends of a task is paid once, or with each step", () => {
  const flops = { runStart: 1, taskStart: 10, step: 100, taskEnd: 1000 };
  expect(chargeOf(flops, 0.5, "fair")).toEqual({ runStart: 0.5, perTask: 505, perStep: 50 });
  expect(chargeOf(flops, 0.5, "published")).toEqual({ runStart: 0, perTask: 0, perStep: 555 });
});
