import { expect, test } from "vitest";
import { tinyModel } from "../../test/fixtures/training/tiny.ts";
import { release, scope } from "../engine/scope.ts";
import { tensor, type Weights } from "../engine/tensor.ts";
import { towerCosines } from "./merge-measures.ts";

/** Two tensors of each tower as plane vectors, all other entries 0; and one that no operator merges. */
function vectors(image: readonly [number, number], text: readonly [number, number], scale: number): Weights {
  const model = tinyModel();
  const placed = new Map([
    ["visual.ln_post.weight", image[0]],
    ["visual.ln_post.bias", image[1]],
    ["ln_final.weight", text[0]],
    ["ln_final.bias", text[1]],
    ["logit_scale", scale],
  ]);
  const weights = new Map(
    [...placed].map(([name, first]) => {
      const { shape = [], size = 1 } = model.weights.get(name) ?? {};
      return [name, tensor([first, ...Array<number>(size - 1).fill(0)], shape, "float32")];
    }),
  );
  release(model);
  return weights;
}

test("each tower has the angle of its own vectors from the first weights; what is merged linearly counts in none", () =>
  scope(() => {
    const { config, ...model } = tinyModel();
    const origin = vectors([1, 1], [0, 0], 1);
    const fresh = vectors([2, 1], [1, 1], 9);
    // From the first weights: (1, 0) and (1, 1) in the image tower, (1, 1) and (−2, −2) in the text tower.
    const old = vectors([2, 2], [-2, -2], -9);
    const { image, text } = towerCosines({ config, origin, fresh, old });
    expect(image).toBeCloseTo(Math.SQRT1_2, 12);
    expect(text).toBeCloseTo(-1, 12);
    // Nothing moved in the text tower.
    expect(towerCosines({ config, origin, fresh: vectors([0, 1], [0, 0], 1), old })).toMatchObject({
      image: expect.closeTo(-Math.SQRT1_2, 12),
      text: undefined,
    });
    release(model);
  }));
