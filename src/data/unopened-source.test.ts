import { expect, test } from "vitest";
import { registeredSet, registry, total } from "./registry.ts";
import { sizeOf } from "./source.ts";
import { unopenedSet } from "./unopened-source.ts";

test("a set that is not here has the registry's counts: classes, and training samples that differ by one at most between them", () => {
  const clevr = unopenedSet(registeredSet("clevr"), ["CLEVR/"]);
  expect([clevr.classNames.length, clevr.concepts().length]).toEqual([247, 217]);
  const sizes = clevr.concepts().map(({ samples }) => samples.length);
  // 55,931 = 217 x 257 + 162.
  expect([...new Set(sizes)]).toEqual([258, 257]);
  expect(sizes.filter((size) => size === 258).length).toBe(162);
  expect([sizeOf(clevr, "train"), sizeOf(clevr, "test")]).toEqual([55_931, 13_983]);
});

test("all streamed sets together have the concepts and samples of the full streams, each under its own id", () => {
  const sets = registry.filter(({ role }) => role === "adapt").map((set) => unopenedSet(set, []));
  const concepts = sets.flatMap((set) => set.concepts());
  expect(new Set(concepts.map(({ id }) => id)).size).toBe(18_381);
  expect(concepts.reduce((sum, { samples }) => sum + samples.length, 0)).toBe(total(({ samples }) => samples.train, "adapt"));
});

test("what is only evaluated has no concepts; asking for records says what is missing and how it is obtained", () => {
  const mnist = unopenedSet(registeredSet("mnist"), ["MNIST/"]);
  expect(mnist.concepts()).toEqual([]);
  expect(() => mnist.records("test")).toThrow(
    expect.objectContaining({ message: "mnist: its data was not opened; missing: MNIST/", fix: "torchvision's MNIST fetches it." }),
  );
});
