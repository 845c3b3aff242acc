import { expect, test } from "vitest";
import { wrongEnds } from "../../../test/engine/optimizer-vectors.ts";
import { drawn } from "../../../test/engine/small-models.ts";
import { singularValues } from "../../engine/linear-algebra.ts";
import { clone, sub } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { readFloats, scalar } from "../../engine/tensor.ts";
import muon from "./muon.ts";

test.each([
  ["muon", {}],
  ["muon-original", { nesterov: false, scale: "original" }],
])("steps are those of %s in float64", async (name, given) => {
  expect(await wrongEnds("muon", name, { betas: [0.9, 0.98], ...given })).toEqual([]);
});

test.each([
  [[12, 30], 0.2 * Math.sqrt(30)],
  [[30, 12], 0.2 * Math.sqrt(30)],
])("a step of a %j matrix has singular values near the rate times its scale", (shape, scale) => {
  scope(() => {
    const weight = drawn(shape, 3);
    const before = clone(weight);
    const options = muon.options.parse({});
    const state = muon.init(new Map([["w", weight]]), options);
    muon.step([{ name: "w", weight, learningRate: 0.1, decay: 0 }], [drawn(shape, 4)], state, { step: 1, scale: scalar(1), options });
    const values = readFloats(singularValues(sub(before, weight)).s).map((value) => value / (0.1 * scale));
    expect(Math.min(...values)).toBeGreaterThan(0.65);
    expect(Math.max(...values)).toBeLessThan(1.25);
  });
});

test("what leads out of a tower, tables and what is no matrix have Adam's moments", () => {
  scope(() => {
    const shapes = {
      "visual.proj": [4, 3],
      text_projection: [4, 3],
      "visual.conv1.weight": [2, 3, 2, 2],
      "a.mlp.c_fc.weight": [4, 2],
      positional_embedding: [3, 2],
    };
    const weights = new Map(Object.entries(shapes).map(([name, shape]) => [name, drawn(shape)]));
    const state = muon.init(weights, muon.options.parse({}));
    expect([...(state.momentum_buffer?.keys() ?? [])]).toEqual(["a.mlp.c_fc.weight"]);
    expect([...(state.exp_avg?.keys() ?? [])]).toEqual(["visual.proj", "text_projection", "visual.conv1.weight", "positional_embedding"]);
  });
});
