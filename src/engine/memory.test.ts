import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { defaultMemoryLimit, freeMemory, limitMemory, memory, releaseMemory, resetPeak } from "./memory.ts";
import { zeros } from "./ops.ts";
import { scope } from "./scope.ts";

afterEach(() => limitMemory(defaultMemoryLimit()));

/** Bytes that a tensor of this size takes from the system when nothing is cached, its 64-byte header included. */
function blockOf(bytes: number): number {
  releaseMemory();
  const before = memory().reserved;
  return scope(() => {
    zeros([bytes], "uint8");
    return memory().reserved - before;
  });
}

test("a block is at most 12.5 % larger than what was asked for, and at most 63 bytes below 512", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 2000, max: 3_000_000 }), fc.constantFrom(...borders())),
      (bytes) => {
        const needed = bytes + 64;
        const block = blockOf(bytes);
        expect(block).toBeGreaterThanOrEqual(needed);
        expect(block % 64).toBe(0);
        expect(block).toBeLessThanOrEqual(needed <= 512 ? needed + 63 : needed * 1.125);
      },
    ),
    { numRuns: 300 },
  );
});

/** Sizes around every border of a class. */
const borders = (): number[] =>
  Array.from({ length: 12 }, (_, i) => 2 ** (i + 9)).flatMap((octave) =>
    [0, 1, 4, 8].flatMap((part) => [-1, 0, 1].map((by) => octave + (part * octave) / 8 + by - 64)),
  );

test("a freed block serves the next tensor of its class, and goes back on request", () => {
  releaseMemory();
  const empty = memory().reserved;
  scope(() => void zeros([1_000_000]));
  const cached = memory().reserved;
  expect(cached - empty).toBeGreaterThanOrEqual(4_000_000);
  scope(() => void zeros([1_000_000]));
  expect(memory().reserved).toBe(cached);
  releaseMemory();
  expect(memory().reserved).toBe(empty);
});

test("live counts what tensors asked for; the peak is its highest since the last reset", () => {
  const before = memory().live;
  resetPeak();
  scope(() => {
    zeros([100]);
    scope(() => void zeros([1000]));
    expect(memory().live - before).toBe(400);
    expect(memory().peak - before).toBe(4400);
    resetPeak();
    expect(memory().peak - before).toBe(400);
  });
  expect(memory().live).toBe(before);
});

test("crossing the limit is EG-5101, exit 5; cached blocks are given up first, and afterwards all works", () => {
  releaseMemory();
  const { reserved, tensors } = memory();
  limitMemory(reserved + 10_000_000);
  scope(() => void zeros([2_000_000]));
  expect(() => scope(() => zeros([4_000_000]))).toThrowError(
    expect.objectContaining({
      code: "EG-5101",
      exit: "resources",
      failure: "out-of-memory",
      message: expect.stringMatching(/^aten::zeros: .*asked for 16000000 bytes/),
    }),
  );
  // 8.0 MB are cached; 9.2 MB fit only when they are given back.
  scope(() => expect(zeros([2_200_000]).size).toBe(2_200_000));
  expect(memory().tensors).toBe(tensors);
});

test("sizes beyond any machine are the same error", () => {
  for (const shape of [[2 ** 45], [2 ** 30, 2 ** 30], [2 ** 53]])
    expect(() => scope(() => zeros(shape)), `${shape}`).toThrowError(expect.objectContaining({ name: "EngineError" }));
});

test("the default limit is nine tenths of a positive number of bytes", () => {
  expect(defaultMemoryLimit()).toBeGreaterThan(2 ** 28);
  expect(Number.isInteger(defaultMemoryLimit())).toBe(true);
});

test("free memory is less than all there is, by what this process holds in a container", () => {
  expect(freeMemory()).toBeGreaterThan(0);
  expect(freeMemory()).toBeLessThan(defaultMemoryLimit() / 0.9);
});
