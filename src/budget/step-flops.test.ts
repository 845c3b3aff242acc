import fc from "fast-check";
import { expect, test } from "vitest";
import { full, type LearningSides, stepFlops } from "./step-flops.ts";
import { type ClipWork, forwardFlops, transformerWork, visionWork } from "./tower.ts";

const shape = { width: 12, tokens: 5, blocks: 3, mlpWidth: 48 };
const work: ClipWork = {
  image: visionWork(shape, [{ inputs: 3, outputs: 12, kernel: 4, side: 2 }], 7),
  text: transformerWork({ width: 8, tokens: 6, blocks: 2, mlpWidth: 32 }, 7),
  embedding: 7,
};
const sides: readonly LearningSides[] = [
  full,
  { image: { kind: "all" }, text: { kind: "none" } },
  { image: { kind: "none" }, text: { kind: "all" } },
  { image: { kind: "vectors" }, text: { kind: "vectors" } },
  { image: { kind: "last", blocks: 1 }, text: { kind: "last", blocks: 2 } },
];

test("a tower costs 24 d² n a block, its attention 4 n² d, its patches a convolution", () => {
  expect(work.image.linear).toBe(24 * 12 ** 2 * 5 * 3);
  expect(work.image.attention).toBe(4 * 5 ** 2 * 12 * 3);
  expect(work.image.first).toBe(2 * 4 * 12 * 3 * 16);
  expect(forwardFlops(work.image)).toBe(work.image.linear + work.image.attention + work.image.first + 2 * 12 * 7);
});

test("twice the batch is twice each term, and four times the similarity", () => {
  fc.assert(
    fc.property(fc.constantFrom(...sides), fc.integer({ min: 1, max: 4096 }), (learning, batch) => {
      const learns = [learning.image, learning.text].filter(({ kind }) => kind !== "none").length;
      const similarity = 2 * batch ** 2 * work.embedding * (1 + learns);
      expect(stepFlops(work, learning, 2 * batch)).toBe(2 * stepFlops(work, learning, batch) + 2 * similarity);
    }),
  );
});

test("a locked tower costs its forward pass alone, whatever the kernel's backward pass", () => {
  const none: LearningSides = { image: { kind: "none" }, text: { kind: "none" } };
  expect(stepFlops(work, none, 3, 99)).toBe(3 * (forwardFlops(work.image) + forwardFlops(work.text) + 2 * 3 * 7));
});

test("the last of as many blocks as there are: all, but for what lies below them", () => {
  const last: LearningSides = { image: { kind: "last", blocks: 3 }, text: { kind: "last", blocks: 9 } };
  expect(stepFlops(work, full, 4) - stepFlops(work, last, 4)).toBeCloseTo(4 * work.image.first, 3);
});

test("adapters pay 31/12 of the products, less the first in-projection's input gradient, and once a step for themselves", () => {
  const adapted = (form: "lora" | "dora" | "vera", rank: number): number =>
    stepFlops(work, { image: { kind: "adapter", form, rank }, text: { kind: "none" } }, 1);
  const { linear, attention, projection, first } = work.image;
  const base = first + (31 / 12) * linear - 6 * 12 ** 2 * 5 + 2 * projection + 3.5 * attention + forwardFlops(work.text) + 2 * 2 * 7;
  const weights = 3 * (3 * 12 * 12 + 12 * 48);
  expect(adapted("lora", 2)).toBeCloseTo(base + 6 * 2 * weights, 6);
  expect(adapted("dora", 2)).toBeCloseTo(base + 8 * 2 * weights, 6);
  expect(adapted("vera", 2)).toBeCloseTo(base + 4 * 2 * weights + 3 * 4 * (4 * 144 * 2 + 6 * 12 * 4), 6);
});

test("a tower that is no transformer has no blocks to adapt", () => {
  const { shape: _, ...image } = work.image;
  expect(() => stepFlops({ ...work, image }, { image: { kind: "last", blocks: 1 }, text: { kind: "all" } }, 1)).toThrow(/no transformer/);
});
