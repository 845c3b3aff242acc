import { expect, test } from "vitest";
import { flopScale, formatFlops } from "./units.ts";

test("FLOPs are told with four digits and a prefix", () => {
  expect(formatFlops(63_394_758_500_000)).toBe("63.39 TFLOP");
  expect(formatFlops(1.8e18, "MAF")).toBe("1.800 EMAF");
  expect(formatFlops(0)).toBe("0.000 FLOP");
  expect(formatFlops(2e24)).toBe("2000 ZFLOP");
  expect(flopScale(1000)).toEqual({ divisor: 1000, prefix: "k" });
  expect(flopScale(999)).toEqual({ divisor: 1, prefix: "" });
});
