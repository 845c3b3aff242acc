import { expect, test } from "vitest";
import { vector } from "../../../test/fixtures/continual/scalars.ts";
import { scope } from "../../engine/scope.ts";
import { readFloats, type Weights } from "../../engine/tensor.ts";
import type { GradientContext, Method, RowRole } from "../method.ts";
import definition from "./a-gem.ts";

const methodOf = (options: object = {}): Method => definition.build(definition.options.parse(options));

/** Gradients after the projection, and the rows whose gradient was asked for. */
function edited(gradients: Record<string, number[]>, reference: Record<string, number[]>, roles: readonly RowRole[]) {
  return scope(() => {
    const asked: (readonly number[])[] = [];
    const weights = (of: Record<string, number[]>): Weights =>
      new Map(Object.entries(of).map(([name, entries]) => [name, vector(...entries)]));
    const batch: GradientContext = {
      at: { task: 1, step: 0 },
      rows: roles.map((role, i) => ({ id: `set/${i}`, role, caption: "" })),
      gradientsOf: (rows) => {
        asked.push(rows);
        return weights(reference);
      },
    };
    const found = methodOf().gradients?.(weights(gradients), batch, null) ?? new Map();
    return { found: Object.fromEntries([...found].map(([name, value]) => [name, [...readFloats(value)]])), asked };
  });
}

test("a gradient that opposes the replayed rows' loses that part: what is left is orthogonal to it", () => {
  // g·r = −1 − 2 = −3 over both parameters, r·r = 6: g + r/2
  const { found, asked } = edited({ a: [1, 0], b: [2, 4] }, { a: [-1, 2], b: [-1, 0] }, ["update", "buffer", "update", "buffer"]);
  expect(asked).toEqual([[1, 3]]);
  expect(found).toEqual({ a: [0.5, 1], b: [1.5, 4] });
  expect(0.5 * -1 + 1 * 2 + 1.5 * -1).toBe(0);
});

test("a gradient that does not oppose it, or a reference of zero, changes nothing", () => {
  const gradients = { a: [0.1, -0.3], b: [0.7] };
  expect(edited(gradients, { a: [1, 0], b: [0.2] }, ["buffer"]).found).toEqual(edited(gradients, {}, ["update"]).found);
  expect(edited(gradients, { a: [0, 0], b: [0] }, ["buffer"]).found).toEqual(edited(gradients, {}, ["update"]).found);
});

test("without replayed rows no second pass is made", () => {
  expect(edited({ a: [1] }, { a: [-1] }, ["update", "pretraining"])).toEqual({ found: { a: [1] }, asked: [] });
});

test("a parameter that the replayed rows do not reach stays as it is", () => {
  expect(edited({ a: [1], b: [3] }, { a: [-2] }, ["buffer"]).found).toEqual({ a: [0], b: [3] });
});

test("replayed rows take part in the loss on request alone", () => {
  const at = { task: 0, step: 0 };
  const roles = ["update", "buffer", "pretraining", "reservoir", "reference"] as const;
  const taking = (method: Method) => roles.filter((role) => method.contrastive?.(role, at));
  expect(taking(methodOf())).toEqual(["update", "pretraining"]);
  expect(taking(methodOf({ replay: "both" }))).toEqual(["update", "buffer", "pretraining"]);
});
