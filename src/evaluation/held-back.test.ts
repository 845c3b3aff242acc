import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { drawnOfEach, heldBack } from "./held-back.ts";

/** Ten items of label 0, five of 1, two of 2, one of 3, in turns. */
const labels = [0, 1, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0, 0, 1, 0, 0];
const random = createRandom(0);
const countOf = (items: Iterable<number>, label: number): number => [...items].filter((item) => labels[item] === label).length;
const itemsOf = (flags: Uint8Array): number[] => [...flags.keys()].filter((item) => flags[item] === 1);

test("a fifth of each label is held back, one of two and none of one", () => {
  const held = itemsOf(heldBack(random, labels, "validation/s"));
  expect([0, 1, 2, 3].map((label) => countOf(held, label))).toEqual([2, 1, 1, 0]);
});

test("the split is the seed's and the purpose's, and a label's draw is its own", () => {
  const held = heldBack(random, labels, "validation/s");
  expect(heldBack(createRandom(0), labels, "validation/s")).toEqual(held);
  const many = new Array<number>(200).fill(0);
  const of = (seed: number, purpose: string): string => itemsOf(heldBack(createRandom(seed), many, purpose)).join();
  expect(new Set([of(0, "validation/s"), of(1, "validation/s"), of(0, "validation/t")]).size).toBe(3);
  const without = labels.map((label) => (label === 1 ? 7 : label));
  expect(itemsOf(heldBack(random, without, "validation/s")).filter((item) => labels[item] !== 1)).toEqual(
    itemsOf(held).filter((item) => labels[item] !== 1),
  );
});

test("over many seeds every item is held back equally often", () => {
  const times = new Float64Array(10);
  for (let seed = 0; seed < 2000; seed++)
    for (const item of itemsOf(heldBack(createRandom(seed), new Array<number>(10).fill(0), "validation/s")))
      times[item] = (times[item] ?? 0) + 1;
  // Two of ten, so 400 each; the standard deviation is 18.
  for (const count of times) expect(Math.abs(count - 400)).toBeLessThan(75);
});

test("k of each label, all where there are fewer, ascending; a smaller k draws some of the same", () => {
  const two = [...drawnOfEach(random, labels, { purpose: "p", count: 2 })];
  expect([0, 1, 2, 3].map((label) => countOf(two, label))).toEqual([2, 2, 2, 1]);
  expect(two).toEqual([...two].sort((a, b) => a - b));
  expect(two).toEqual(expect.arrayContaining([...drawnOfEach(random, labels, { purpose: "p", count: 1 })]));
  expect(drawnOfEach(random, [], { purpose: "p", count: 2 })).toHaveLength(0);
});
