import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ownClipLoss, sampleLoop, worstError } from "../../../test/fixtures/continual/sample-loop.ts";
import { taskOver } from "../../../test/fixtures/continual/task.ts";
import { featuresOf, methodsOf, movedByTenSteps, worstOf } from "../../../test/fixtures/training/adapted.ts";
import { digest, preprocess, startModel } from "../../../test/fixtures/training/stage.ts";
import { tinyBatch, tinyConfig, tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { release, scope } from "../../engine/scope.ts";
import { readFloats, type Tensor } from "../../engine/tensor.ts";
import { checkAlike, mergeFiles } from "../../merging/merge-files.ts";
import { placementOf } from "../../merging/placement.ts";
import { resolveMerge } from "../../merging/settings.ts";
import { architecture } from "../../models/architecture.ts";
import type { Clip } from "../../models/clip.ts";
import { initialiseModel, loadModel } from "../../models/load.ts";
import { folderForm } from "../../models/model-export.ts";
import { openModelFolder } from "../../models/model-folder.ts";
import { promptsOf, withPrompts } from "../../models/prompts.ts";
import { saveModel } from "../../models/save.ts";
import { createRandom } from "../../util/random.ts";
import { diagonalFisher } from "../fisher.ts";
import { methods as catalogue } from "../method.ts";

const place = mkdtempSync(join(tmpdir(), "prompts-"));
afterAll(() => rmSync(place, { recursive: true }));
const [imageName, textName] = ["visual.prompt_embedding", "prompt_embedding"] as const;
const entriesOf = ({ weights }: Pick<Clip, "weights">, name: string): Float32Array => readFloats(weights.get(name) as Tensor);

describe("ten steps move", () => {
  test.each([
    [{}, [imageName, textName]],
    [{ text: 0 }, [imageName]],
    [{ image: 0, text: 2 }, [textName]],
    [{ tuneLogitScale: true }, ["logit_scale", imageName, textName]],
  ])("with %j these alone", async (options, expected) => {
    expect((await movedByTenSteps("prompt-tuning", options)).moved).toEqual(expected);
  });
});

test("a method without prompts, with numbers below 0 or with one that the model has otherwise is refused", async () => {
  const { options } = await catalogue.load("prompt-tuning");
  expect(options.safeParse({ image: 0, text: 0 }).success).toBe(false);
  expect(options.safeParse({ image: -1 }).success).toBe(false);
  const four = (await methodsOf("prompt-tuning")).architecture(tinyConfig);
  expect(promptsOf(four)).toEqual({ image: 4, text: 4 });
  expect((await methodsOf("prompt-tuning")).architecture(four)).toEqual(four);
  expect((await methodsOf("prompt-tuning", { image: 0 })).architecture(four)).toEqual(four);
  const eight = await methodsOf("prompt-tuning", { image: 8 });
  expect(() => eight.architecture(four)).toThrowError(
    expect.objectContaining({
      code: "EG-3111",
      message: expect.stringContaining("8 image prompts"),
      fix: expect.stringContaining("image to 4"),
    }),
  );
});

test("a ResNet takes text prompts alone", async () => {
  const config = architecture("RN50");
  const [both, text] = [await methodsOf("prompt-tuning"), await methodsOf("prompt-tuning", { image: 0 })];
  expect(promptsOf(text.architecture(config))).toEqual({ image: 0, text: 4 });
  expect(() => both.architecture(config)).toThrowError(
    expect.objectContaining({ code: "EG-3401", fix: expect.stringContaining("image: 0") }),
  );
});

test("the Fisher information of prompts is that of a backward pass for each sample", async () => {
  const model = startModel(await methodsOf("prompt-tuning", { image: 2, text: 3 }));
  const expected = scope(() => sampleLoop(model, tinyBatch(), { measure: (entry) => entry ** 2, number: ownClipLoss }));
  const learns = (name: string): boolean => name.endsWith("prompt_embedding") || name === "token_embedding.weight";
  const fisher = await diagonalFisher(taskOver(model, { learns, batches: [tinyBatch] }), { fisher: "sample", maxSamples: 8 });
  expect([...fisher.keys()]).toEqual(["token_embedding.weight", imageName, textName]);
  const { name, error } = worstError(fisher, new Map([...expected].filter(([own]) => learns(own))));
  expect(error, name).toBeLessThan(1e-5);
  release([fisher, model]);
});

describe("a file of a model with prompts", () => {
  const at = (name: string): string => join(place, `${name}.safetensors`);
  const save = async (name: string, options: object, seed?: number): Promise<Clip> => {
    const model = startModel(await methodsOf("prompt-tuning", options), seed);
    await saveModel(at(name), model, { preprocess });
    return model;
  };

  test("is read back with them, and says how many", async () => {
    const model = await save("own", { image: 2, text: 3 });
    const read = await loadModel(at("own"));
    expect(promptsOf(read.model.config)).toEqual({ image: 2, text: 3 });
    expect(digest(read.model)).toBe(digest(model));
    expect(scope(() => featuresOf(read.model))).toEqual(scope(() => featuresOf(model)));
    release([model, read.model]);
  });

  test("is of the architecture that it had without them, and of no other", async () => {
    const config = withPrompts(architecture("mini-flux"), { image: 2, text: 2 });
    const { model } = initialiseModel(config, createRandom(1));
    await saveModel(at("mini"), model, { preprocess: { ...preprocess, size: 32 } });
    release(model);
    const opened = await openModelFolder(at("mini"), { arch: "mini-flux" });
    expect([opened.architecture, promptsOf(opened.config)]).toEqual(["mini-flux", { image: 2, text: 2 }]);
    await expect(openModelFolder(at("mini"), { arch: "ViT-B-32" })).rejects.toThrow(/describes itself as mini-flux, not ViT-B-32/);
  });

  test("merges with another of as many, and is refused beside one of none", async () => {
    const [a, b] = [await save("a", { image: 2, text: 3 }, 1), await save("b", { image: 2, text: 3 }, 2)];
    const models = [await openModelFolder(at("a")), await openModelFolder(at("b"))];
    const linear = { operator: { name: "linear" }, weights: { each: [0.25, 0.75] } };
    const settings = await resolveMerge({
      towers: { image: linear, text: linear },
      count: 2,
      hasBase: false,
      seed: 0,
      clampsLogitScale: true,
    });
    await mergeFiles(at("merged"), { base: undefined, models }, { settings, type: "float32" });
    const { model } = await loadModel(at("merged"));
    for (const name of [imageName, textName]) {
      const [one, two] = [entriesOf(a, name), entriesOf(b, name)];
      const expected = one.map((value, i) => 0.25 * value + 0.75 * (two[i] ?? Number.NaN));
      expect(worstOf(entriesOf(model, name), expected)).toBeLessThan(1e-8);
    }
    const placed = placementOf(models[0]?.config ?? tinyConfig).filter(({ name }) => name === imageName || name === textName);
    expect(placed.map(({ tower, layers, depth }) => [tower, layers, depth.side])).toEqual([
      ["image", 0, "before"],
      ["text", 0, "before"],
    ]);
    const plain = tinyModel();
    await saveModel(at("plain"), plain, { preprocess });
    const mixed = { base: await openModelFolder(at("plain")), models };
    expect(() => checkAlike(mixed, ["plain", "a", "b"])).toThrowError(/a differs from plain in its numbers of prompts/);
    release([a, b, model, plain]);
  });

  test("has no form of OpenCLIP's or transformers': the error says what to do", async () => {
    const model = await save("foreign", { image: 2, text: 0 });
    for (const naming of ["openclip", "transformers"] as const)
      expect(() => folderForm({ config: model.config, preprocess }, naming)).toThrowError(
        expect.objectContaining({
          code: "EG-3401",
          message: expect.stringContaining("no place for prompts"),
          fix: expect.stringContaining(".safetensors"),
        }),
      );
    await expect(saveModel(at("theirs"), model, { preprocess, naming: "transformers" })).rejects.toThrow(/prompt_embedding/);
    release(model);
  });
});
