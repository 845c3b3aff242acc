import { expect, test } from "vitest";
import { knowledgeByTime } from "./seen.ts";

const sets = [
  { set: "a", flags: [1, 1, 0, 0], concepts: ["a/x", "a/x", "a/x", "a/y"] },
  { set: "b", flags: [1, 0], concepts: ["b/z", "b/z"] },
];

test("items of trained concepts count as seen, the others as future; each set counts once", () => {
  const { seen, future } = knowledgeByTime(sets, new Set(["a/x", "b/z"]));
  expect(seen).toEqual({ value: (2 / 3 + 1 / 2) / 2, covers: ["a", "b"], items: 5 });
  expect(future).toEqual({ value: 0, covers: ["a"], items: 1 });
});

test("before the first task nothing is seen, after the last nothing is to come", () => {
  expect(knowledgeByTime(sets, new Set()).seen).toEqual({ value: undefined, covers: [], items: 0 });
  expect(knowledgeByTime(sets, new Set(["a/x", "a/y", "b/z"])).future.value).toBeUndefined();
});
