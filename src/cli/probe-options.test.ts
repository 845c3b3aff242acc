import { expect, test } from "vitest";
import { probeOf } from "./probe-options.ts";

test("flags become the evaluator's options; none is asked for without --probe", () => {
  expect(probeOf({}, 3)).toBeUndefined();
  expect(probeOf({ probe: true }, undefined)).toEqual({ name: "linear-probe" });
  expect(probeOf({ probe: true, shots: "16", l2: "0.01" }, 0)).toEqual({ name: "linear-probe", shots: 16, l2: 0.01, seed: 0 });
});

test.each([
  [{ shots: "4" }, "--shots belongs to a linear probe"],
  [{ l2: "1" }, "--l2 belongs to a linear probe"],
  [{ probe: true, l2: "0" }, "--l2 0: expected a number above 0"],
  [{ probe: true, l2: "x" }, "--l2 x: expected a number above 0"],
  [{ probe: true, shots: "0" }, "--shots 0: expected a whole number >= 1"],
])("%j is refused", (flags, message) => {
  expect(() => probeOf(flags, undefined)).toThrow(message);
});
