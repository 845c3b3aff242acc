import { afterAll, beforeAll, expect, test } from "vitest";
import { mulNumber } from "../engine/ops.ts";
import { release } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import { parseModelConfig } from "../models/architecture.ts";
import { initialiseModel, type LoadedModel } from "../models/load.ts";
import { createRandom } from "../util/random.ts";
import { encode } from "./encode.ts";

const how = { precision: "fp32", batchSize: 2 } as const;
let sound: LoadedModel;
beforeAll(() => {
  const vision_cfg = { image_size: 16, layers: 1, width: 8, head_width: 8, patch_size: 8 };
  const config = parseModelConfig({ embed_dim: 4, vision_cfg, text_cfg: { width: 8, heads: 1, layers: 1 } }, "test");
  sound = initialiseModel(config, createRandom(1));
});
afterAll(() => release(sound.model));

test("texts become rows of unit length", async () => {
  const { text } = await encode(sound, { images: [], texts: ["a cat", "a dog", "a tree"] }, how);
  expect([text.rows, text.width]).toEqual([3, 4]);
  for (const row of [0, 1, 2]) expect(Math.hypot(...text.values.subarray(4 * row, 4 * row + 4))).toBeCloseTo(1, 6);
});

test("a row that is not finite ends it with the input's name", async () => {
  const { weights } = sound.model;
  const projection = mulNumber(weights.get("text_projection") as Tensor, Number.NaN);
  const broken = { ...sound, model: { ...sound.model, weights: new Map([...weights, ["text_projection", projection]]) } };
  await expect(encode(broken, { images: [], texts: ["a\ncat", "a dog"] }, how)).rejects.toMatchObject({
    code: "EG-7152",
    exit: "numerics",
    message: 'the embedding of the text "a\\ncat" has entries that are not finite',
  });
  release(projection);
});

test("texts for a token table that is too short are refused", async () => {
  const { config } = sound.model;
  const short = { ...sound, model: { ...sound.model, config: { ...config, text: { ...config.text, vocabSize: 1000 } } } };
  await expect(encode(short, { images: [], texts: ["a cat"] }, how)).rejects.toMatchObject({
    code: "EG-3401",
    message: expect.stringMatching(/^the model: the token table has 1000 rows .* every text ends with the id 49407$/),
  });
});
