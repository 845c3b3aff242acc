import { expect, test } from "vitest";
import { coreAdapters, engineRows } from "./golden-adapters.ts";
import { compare, testRows } from "./golden-runner.ts";

testRows("core", coreAdapters, engineRows);

test("a comparison tells wrong, open and superfluous parts", () => {
  const row = { expected: { a: [1, 0.5], b: "x" }, tolerance: { a: [0, 0.01], b: 0 } };
  expect(compare(row, { a: [1, 0.509], b: "x" })).toEqual({ checked: ["a.0", "a.1", "b"], wrong: [], open: [] });
  expect(compare(row, { a: [1, 0.511], b: undefined })).toMatchObject({ wrong: ["a.1: expected 0.5 ± 0.01, got 0.511"], open: ["b"] });
  for (const answer of [
    null,
    1,
    "x",
    { a: [1, 0.5], b: "y" },
    { a: [1, 0.5, 3], b: "x" },
    { a: [1, 0.5], b: "x", c: 1 },
    { a: [Number.NaN, 0.5], b: "x" },
    { a: 1, b: "x" },
  ])
    expect(compare(row, answer).wrong.length, JSON.stringify(answer)).toBeGreaterThan(0);
});
