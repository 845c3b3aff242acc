import { expect, test } from "vitest";
import { groupBy } from "./group-by.ts";

test("groups stand in the order of their first item, items in the order given", () => {
  expect([...groupBy([5, 2, 4, 7, 2], (n) => (n % 2 === 0 ? "even" : "odd"))]).toEqual([
    ["odd", [5, 7]],
    ["even", [2, 4, 2]],
  ]);
  expect(groupBy([], String).size).toBe(0);
});
