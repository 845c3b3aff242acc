import { expect, test } from "vitest";
import { gradientsAt, slotsOf, startWeights, steps, valuesOf, vectors, wrongEnds } from "../../../test/engine/optimizer-vectors.ts";
import { drawn } from "../../../test/engine/small-models.ts";
import { worstOf } from "../../../test/fixtures/training/adapted.ts";
import { matmul, transpose } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { readFloats, scalar, type Tensor } from "../../engine/tensor.ts";
import type { OptimizerState } from "../optimizer.ts";
import adamw from "./adamw.ts";
import galore from "./galore.ts";

test.each([
  ["galore", { r: 2, gap: 3, scale: 0.25 }],
  ["galore-reset", { r: 3, gap: 2, scale: 2, momentsAtGap: "reset" }],
])("steps are those of %s written from the paper in float64", async (name, given) => {
  expect(await wrongEnds("galore", name, { betas: [0.9, 0.98], ...given })).toEqual([]);
});

// With betas 0 and an ε far above every gradient Adam's update is g/ε: gradient descent. P Pᵀ G = G for a G of rank r.
test.each([
  [5, 8],
  [8, 5],
  [6, 6],
])("on a gradient of rank r a linear inner rule is plain descent (%i × %i)", (rows, columns) => {
  scope(() => {
    const weight = drawn([rows, columns], 1);
    const gradient = matmul(drawn([rows, 2], 2), drawn([2, columns], 3));
    const [before, direction] = [readFloats(weight), readFloats(gradient)];
    const options = galore.options.parse({ r: 2, scale: 1, betas: [0, 0], eps: 1e6 });
    const state = galore.init(new Map([["w", weight]]), options);
    galore.step([{ name: "w", weight, learningRate: 0.1 * 1e6, decay: 0 }], [gradient], state, { step: 1, scale: scalar(0.5), options });
    expect(
      worstOf(
        readFloats(weight),
        before.map((value, i) => value - 0.1 * 0.5 * (direction[i] ?? 0)),
      ),
    ).toBeLessThan(1e-6);
  });
});

test("the projector is orthonormal, stays for a gap and then turns without turning away", () => {
  scope(() => {
    const options = galore.options.parse({ r: 2, gap: 3 });
    const weights = startWeights();
    const state = galore.init(weights, options);
    const seen: Float32Array[] = [];
    for (let step = 1; step <= 4; step++) {
      steps(galore, options, { weights, state, from: step, to: step });
      const projector = state.projector?.get("tall.weight") as Tensor;
      expect(worstOf(readFloats(matmul(transpose(projector, 0, 1), projector)), [1, 0, 0, 1])).toBeLessThan(1e-6);
      seen.push(readFloats(projector));
    }
    const [one, two, three, four] = seen as [Float32Array, Float32Array, Float32Array, Float32Array];
    expect([two, three]).toEqual([one, one]);
    expect(four).not.toEqual(one);
    for (const column of [0, 1])
      expect(four.reduce((sum, x, i) => sum + (i % 2 === column ? x * (one[i] ?? 0) : 0), 0)).toBeGreaterThanOrEqual(0);
  });
});

test("moments take less memory than AdamW's", () => {
  scope(() => {
    const weights = new Map(Array.from({ length: 3 }, (_, i) => [`${i}`, drawn([64, 256], i + 1)] as const));
    const size = (state: OptimizerState): number =>
      Object.values(state).reduce((sum, kind) => sum + [...kind.values()].reduce((own, each) => own + each.size, 0), 0);
    const [low, whole] = [galore.init(weights, galore.options.parse({ r: 8 })), adamw.init(weights, adamw.options.parse({}))];
    // 2·r·n of the moments and r·m of the projector, of 2·m·n.
    expect(size(low)).toBe(3 * (2 * 8 * 256 + 8 * 64));
    expect(size(whole)).toBe(3 * 2 * 64 * 256);
  });
});

test("tables, vectors, and matrices with a side of r or less take plain AdamW's steps", () => {
  scope(() => {
    const ends = [galore, adamw].map((definition) => {
      const weights = startWeights();
      const options = definition.options.parse({ ...(definition === galore ? { r: 5 } : {}), betas: [0.9, 0.98] });
      const state = definition.init(weights, options as never);
      definition.step(slotsOf(weights), gradientsAt(1), state, { step: 1, scale: scalar(vectors.scale), options: options as never });
      return valuesOf(weights);
    });
    const [low, plain] = ends as [ReadonlyMap<string, Float32Array>, ReadonlyMap<string, Float32Array>];
    const same = [...low].flatMap(([name, values]) => (worstOf(values, plain.get(name) as Float32Array) === 0 ? [name] : []));
    expect(same).toEqual(["square.weight", "ln_1.bias", "token_embedding.weight", "logit_scale"]);
  });
});
