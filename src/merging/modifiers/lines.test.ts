import { describe, expect, test } from "vitest";
import { entries } from "../../../test/engine/small-models.ts";
import { furthest, mergeToy, mergeToys } from "../../../test/engine/toy-merges.ts";
import lines from "./lines.ts";

const factors = (shape: string): number[] => {
  const options = lines.options.parse({ shape });
  return Array.from({ length: 12 }, (_, block) => lines.factor({ block, blocks: 12, side: "inside" }, options));
};

describe("factors of twelve blocks", () => {
  test.each([
    ["linear", [0.5, 0.5455, 0.5909, 0.6364, 0.6818, 0.7273, 0.7727, 0.8182, 0.8636, 0.9091, 0.9545, 1]],
    ["quadratic", [0.5, 0.5041, 0.5165, 0.5372, 0.5661, 0.6033, 0.6488, 0.7025, 0.7645, 0.8347, 0.9132, 1]],
    ["sqrt", [0.5, 0.6508, 0.7132, 0.7611, 0.8015, 0.8371, 0.8693, 0.8989, 0.9264, 0.9523, 0.9767, 1]],
  ] as const)("%s", (shape, expected) => {
    expect(furthest(factors(shape), expected)).toBeLessThan(5e-5);
  });
});

test("a tower of one block takes alpha + beta; outside of the blocks it is where the tensor lies", () => {
  const at = (depth: Parameters<typeof lines.factor>[0], more: object = {}) =>
    lines.factor(depth, lines.options.parse({ alpha: 0.25, beta: 0.5, ...more }));
  expect(at({ block: 0, blocks: 1, side: "inside" })).toBe(0.75);
  expect(at({ block: undefined, blocks: 12, side: "before" })).toBe(0.25);
  expect(at({ block: undefined, blocks: 12, side: "after" })).toBe(0.75);
  expect(at({ block: undefined, blocks: 12, side: "after" }, { outside: "published" })).toBe(0.25);
});

test("alpha 1 and beta 0 change no bit of any operator's result", async () => {
  const models = [3, 4].map((seed) => entries(30, seed));
  for (const name of ["linear", "ties", "slerp"])
    expect(await mergeToy({ operator: { name }, models, base: entries(30, 5), modifier: { name: "lines", alpha: 1, beta: 0 } })).toEqual(
      await mergeToy({ operator: { name }, models, base: entries(30, 5) }),
    );
});

test("models that are the base give the base for any alpha and beta: weights are not scaled", async () => {
  const base = entries(30, 5);
  const modifier = { name: "lines", alpha: 0.2, beta: 0.3 };
  expect(furthest(await mergeToy({ operator: { name: "linear" }, models: [base, base], base, modifier }), base)).toBeLessThan(1e-6);
});

test("the task vector of each tensor is scaled by its depth; lambda multiplies, or is replaced", async () => {
  const tensors = {
    first: { depth: { block: 0, blocks: 3, side: "inside" } },
    last: { depth: { block: 2, blocks: 3, side: "inside" } },
  } as const;
  const merged = (lambda: string) =>
    mergeToys({
      operator: { name: "task-arithmetic", lambda: 0.5 },
      models: [{ first: [5], last: [5] }],
      base: { first: [1], last: [1] },
      modifier: { name: "lines", lambda },
      tensors,
    });
  expect(await merged("combine")).toEqual({ first: Float32Array.of(2), last: Float32Array.of(3) });
  expect(await merged("replace")).toEqual({ first: Float32Array.of(3), last: Float32Array.of(5) });
});

test("where an operator has no lambda there is none to replace", async () => {
  const toy = { models: [entries(30, 3), entries(30, 4)], base: entries(30, 5) };
  for (const name of ["linear", "slerp", "model-stock"])
    expect(await mergeToy({ operator: { name }, ...toy, modifier: { name: "lines", lambda: "replace" } })).toEqual(
      await mergeToy({ operator: { name }, ...toy, modifier: { name: "lines" } }),
    );
});
