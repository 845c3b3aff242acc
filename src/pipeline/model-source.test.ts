import { afterAll, expect, test } from "vitest";
import { methodsOf } from "../../test/fixtures/training/adapted.ts";
import { release } from "../engine/scope.ts";
import { readFloats, type Tensor } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { promptsOf } from "../models/prompts.ts";
import type { RunSpec } from "../runs/spec.ts";
import { findModel, methodModel } from "./model-source.ts";

const made: Clip[] = [];
afterAll(() => release(made));
const loaded = async (source: { load(): Promise<{ readonly model: Clip }> }): Promise<Clip> => {
  const { model } = await source.load();
  made.push(model);
  return model;
};
const spec = { seed: 0, model: { arch: "mini-flux", init: "preset:mini-flux-base" } } as Pick<RunSpec, "model" | "seed">;

test("a method that adds no parameter leaves the model as it was found", async () => {
  const found = await findModel(spec);
  expect(methodModel(found, await methodsOf("lora"), 0)).toBe(found);
});

test("a method's own parameters are counted, drawn by the seed, and stand beside the model's as they were", async () => {
  const found = await findModel(spec);
  const methods = await methodsOf("prompt-tuning", { image: 2, text: 3 });
  const grown = methodModel(found, methods, 1);
  expect([promptsOf(grown.config), grown.given]).toEqual([{ image: 2, text: 3 }, found.config]);
  expect(grown.planned.parameters - found.planned.parameters).toBe(2 * 192 + 3 * 128);
  const [plain, own, again, other] = [found, grown, grown, methodModel(found, methods, 2)].map(loaded);
  const [base, first, second, third] = [await plain, await own, await again, await other] as [Clip, Clip, Clip, Clip];
  const entries = ({ weights }: Clip, name: string): Float32Array => readFloats(weights.get(name) as Tensor);
  const bytes = (model: Clip, name: string): Uint8Array => new Uint8Array(entries(model, name).buffer);
  const moved = [...base.weights.keys()].filter((name) => Buffer.compare(bytes(first, name), bytes(base, name)) !== 0);
  expect(moved).toEqual([]);
  for (const name of ["visual.prompt_embedding", "prompt_embedding"]) {
    expect(entries(second, name)).toEqual(entries(first, name));
    expect(entries(third, name)).not.toEqual(entries(first, name));
  }
});
