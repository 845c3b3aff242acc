import { expect, test } from "vitest";
import { kernelsFor } from "./kernel-choice.ts";

test("AMD's processors take oneDNN, Intel's what libtorch takes", () => {
  expect(kernelsFor({}, "AMD EPYC").rule).toBe("onednn");
  expect(kernelsFor({}, "Intel(R) Xeon(R) Platinum").rule).toBe("mkl");
});
test("EVERGREEN_KERNELS=reference turns the choice off", () => {
  expect(kernelsFor({ EVERGREEN_KERNELS: "reference" }, "AMD EPYC").rule).toBe("mkl");
});
test("another word is refused by name", () => {
  expect(() => kernelsFor({ EVERGREEN_KERNELS: "fast" }, "AMD EPYC")).toThrow(/EVERGREEN_KERNELS=fast/);
});
