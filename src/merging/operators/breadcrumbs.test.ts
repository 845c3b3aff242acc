import { expect, test } from "vitest";
import { furthest, mergeToy, mergeToys, workedVectors } from "../../../test/engine/toy-merges.ts";

const crumbs = (more: object) => ({ name: "breadcrumbs", ...more });

test("trimmed vectors are summed without an election", async () => {
  const found = await mergeToy({ operator: crumbs({ remove: 1 / 3, top: 1 / 6 }), models: workedVectors });
  expect(furthest(found, [3, -2, 4, 0, 0, 1])).toBeLessThan(1e-6);
});

test("among equal magnitudes both trims take from the front, and never the same entry", async () => {
  const operator = crumbs({ remove: 0.4, top: 0.2 });
  expect(await mergeToy({ operator, models: [[1, -1, 1, -1, 1]] })).toEqual([0, 0, 0, -1, 1]);
  expect(await mergeToy({ operator, models: [[1, -2, 2, -2, 2]] })).toEqual([0, 0, 0, -2, 2]);
  expect(await mergeToy({ operator, models: [[1, -1, 1, -3, 3]], block: 1 })).toEqual([0, 0, 1, 0, 3]);
});

test("thresholds are the tensor's own unless they are asked for over the tower", async () => {
  const models = [{ a: [1, 2, 3, 4], b: [10, 20, 30, 40] }];
  const at = (scope: string) => mergeToys({ operator: crumbs({ remove: 0.25, top: 0.25, scope }), models });
  expect(await at("tensor")).toEqual({ a: Float32Array.of(0, 2, 3, 0), b: Float32Array.of(0, 20, 30, 0) });
  expect(await at("tower")).toEqual({ a: Float32Array.of(0, 0, 3, 4), b: Float32Array.of(10, 20, 0, 0) });
});
