import { expect, test } from "vitest";
import { rescaledPeak } from "./peak.ts";

test("a peak keeps its value at its own batch, doubles linearly and by √2 at twice the batch", () => {
  const known = { rate: 3e-4, batchSize: 256 };
  for (const rule of ["linear", "square-root"] as const) expect(rescaledPeak(known, 256, rule)).toBe(3e-4);
  expect(rescaledPeak(known, 512, "linear")).toBe(6e-4);
  expect(Math.abs(rescaledPeak(known, 512, "square-root") - 3e-4 * Math.SQRT2)).toBeLessThanOrEqual(1e-19);
});
