import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawnPairs, featureContext, identity, matrix, rowsWith, turned } from "../../../test/fixtures/continual/features.ts";
import { openWorld, type World } from "../../../test/fixtures/training/stage.ts";
import { stepsUnder } from "../../../test/fixtures/training/steps.ts";
import { grad, requireGrad } from "../../engine/grad.ts";
import { operator } from "../../engine/operator.ts";
import { scope } from "../../engine/scope.ts";
import { item, readFloats, type Tensor } from "../../engine/tensor.ts";
import { compose } from "../compose.ts";
import type { FeatureContext, Method } from "../method.ts";
import definition from "./feature-distillation.ts";

const built = (options: object = {}): Method => definition.build(definition.options.parse(options));
const termOf = (method: Method, batch: FeatureContext): Tensor => method.loss?.(batch, { teacher: new Map() }).features as Tensor;

describe("the term", () => {
  test("is the hand-worked distance of two pairs, half of it from each tower", () => {
    scope(() => {
      // Images turn from I to [[.6, .8], [.8, −.6]], texts stay: cosines .6 and −.6, so 1 − cosine is .4 and 1.6, their mean 1; squares are .16, .64, .64, 2.56, their mean 1.
      const [now, before] = [
        { image: matrix(turned), text: matrix(identity) },
        { image: matrix(identity), text: matrix(identity) },
      ];
      const batch = featureContext(now, { before });
      expect(item(termOf(built(), batch))).toBeCloseTo(0.5, 6);
      expect(item(termOf(built({ distance: "mse" }), batch))).toBeCloseTo(0.5, 6);
      expect(item(termOf(built({ alpha: 3 }), batch))).toBeCloseTo(1.5, 6);
      // The second pair, which turned most, was asked for by another method.
      const one = featureContext(now, { before, rows: rowsWith("update", "reservoir") });
      expect(item(termOf(built(), one))).toBeCloseTo(0.2, 6);
    });
  });

  test("is PyTorch's mse_loss, and by cosines E / 2 as much", () => {
    scope(() => {
      const [now, before] = [drawnPairs(1), drawnPairs(2)];
      const batch = featureContext(now, { before });
      const mse = (a: Tensor, b: Tensor): number => item(operator("aten::mse_loss")(a, b)[0] as Tensor);
      const expected = (mse(now.image, before.image) + mse(now.text, before.text)) / 2;
      expect(item(termOf(built({ distance: "mse" }), batch)) / expected).toBeCloseTo(1, 5);
      expect(item(termOf(built(), batch)) / expected).toBeCloseTo(6 / 2, 4);
    });
  });

  test("pulls nowhere along a row's tangent where nothing has turned", () => {
    scope(() => {
      const now = drawnPairs(1);
      requireGrad([now.image]);
      const batch = featureContext(now, { before: drawnPairs(1) });
      const [square] = grad([termOf(built({ distance: "mse" }), batch)], [now.image]);
      expect(Math.max(...readFloats(square as Tensor).map(Math.abs))).toBe(0);
      const [cosine] = grad([termOf(built(), batch)], [now.image]);
      // −f / 2B: along the feature itself, which normalising takes away.
      const entries = readFloats(now.image);
      readFloats(cosine as Tensor).forEach((entry, i) => {
        expect(Math.abs(entry + (entries[i] ?? 0) / 16)).toBeLessThan(1e-7);
      });
    });
  });
});

describe("in a run", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  test("there is no term in the first task; in the second it begins at 0", async () => {
    const steps = await stepsUnder(world, compose([{ name: "feature-distillation", method: built() }]));
    const terms = steps.map(({ losses }) => losses["feature-distillation/features"]);
    expect(terms.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    expect(Math.abs(terms[3] ?? 1)).toBeLessThan(1e-6);
    expect(terms[4]).toBeGreaterThan(1e-6);
  });
});
