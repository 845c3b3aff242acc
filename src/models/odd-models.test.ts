import { expect, test } from "vitest";
import { entries } from "../../test/engine/small-models.ts";
import { tokenBatch } from "../../test/engine/vectors.ts";
import { slice } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { readFloats, tensor } from "../engine/tensor.ts";
import { createRandom } from "../util/random.ts";
import { parseModelConfig } from "./architecture.ts";
import { computeWeights, embedImage, embedText } from "./clip.ts";
import { initialiseModel } from "./load.ts";
import { checkVocabulary } from "./vocabulary-part.ts";

const configOf = (size: number) =>
  parseModelConfig(
    {
      embed_dim: 8,
      vision_cfg: { image_size: size, layers: 1, width: 8, head_width: 8, patch_size: 8 },
      text_cfg: { context_length: 8, vocab_size: 40, width: 8, heads: 1, layers: 1 },
    },
    "test",
  );

test("what is left of an image beside whole patches is not looked at, as a convolution leaves it", () => {
  const models = [configOf(19), configOf(16)].map((config) => initialiseModel(config, createRandom(1)).model);
  scope(() => {
    const pixels = tensor(entries(2 * 3 * 19 * 19, 5), [2, 3, 19, 19], "float32");
    const whole = slice(slice(pixels, 2, 0, 16), 3, 0, 16);
    const [odd, even] = models.map((model, i) => readFloats(embedImage(computeWeights(model, "fp32"), i === 0 ? pixels : whole)));
    expect(odd).toEqual(even);
  });
  release(models);
});

test("a text with an id that the token table does not have is refused with the reason", () => {
  const { model } = initialiseModel(configOf(16), createRandom(1));
  const compute = computeWeights(model, "fp32");
  expect(() => scope(() => readFloats(embedText(compute, tokenBatch([[1, 40, 39]]))))).toThrow(
    "the token table has 40 rows and says not which of CLIP's 49408 ids they are for, but a text has the id 40",
  );
  expect(() => scope(() => readFloats(embedText(compute, tokenBatch([[1, 38, 39]]))))).not.toThrow();
  release(model);
  expect(() => checkVocabulary("a.safetensors", 1000, undefined)).toThrow(
    /^a.safetensors: the token table .* every text ends with the id 49407$/,
  );
  expect(() => checkVocabulary("a", 49408, undefined)).not.toThrow();
  expect(() => checkVocabulary("a", 2, [49406, 49407])).not.toThrow();
});
