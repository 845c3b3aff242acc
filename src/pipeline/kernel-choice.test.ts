import { expect, test } from "vitest";
import { kernelsFor } from "./kernel-choice.ts";

test("AMD's processors take oneDNN, Intel's what libtorch takes", () => {
  expect(kernelsFor({}, { name: "AMD EPYC", narrow: false, bfloat16: true })).toEqual({ rule: "onednn", entries: [] });
  expect(kernelsFor({}, { name: "Intel(R) Xeon(R) Platinum", narrow: false, bfloat16: true })).toEqual({ rule: "mkl", entries: [] });
});
test("AMD's processors with AVX2 alone take oneDNN forward", () => {
  expect(kernelsFor({}, { name: "AMD EPYC", narrow: true, bfloat16: true })).toEqual({
    rule: "mkl",
    products: { forward: "onednn" },
    entries: [],
  });
});
test("a processor without bfloat16 products widens them", () => {
  expect(kernelsFor({}, { name: "Intel(R) Core(TM)", narrow: true, bfloat16: false })).toEqual({
    rule: "mkl",
    entries: [],
    bfloat16: "float32",
  });
});
test("EVERGREEN_KERNELS=reference turns the choice off", () => {
  expect(kernelsFor({ EVERGREEN_KERNELS: "reference" }, { name: "AMD EPYC", narrow: true, bfloat16: false })).toEqual({
    rule: "mkl",
    entries: [],
  });
});
test("another word is refused by name", () => {
  expect(() => kernelsFor({ EVERGREEN_KERNELS: "fast" })).toThrow(/EVERGREEN_KERNELS=fast/);
});
