import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { lossAndGradients, type PairBatch } from "../../src/continual/gradients.ts";
import { type MethodDefinition, methods } from "../../src/continual/method.ts";
import { readPeft, type StoredAdapters } from "../../src/continual/peft-format.ts";
import { requireGrad } from "../../src/engine/grad.ts";
import { copyInto } from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { type Clip, computeWeights, embedImage, embedText } from "../../src/models/clip.ts";
import type { Adapters } from "../../src/nn/adapter.ts";
import clip from "../../src/nn/objectives/clip.ts";
import { createRandom } from "../../src/util/random.ts";
import { filledModel, pixels } from "./filled-weights.ts";
import { norm, readTensorsAt, tokenBatch, worstDifference } from "./vectors.ts";

// PEFT's adapters on transformers' CLIPModel, from the same closed-form weights (scripts/vectors/adapters.py).

const folder = fileURLToPath(new URL("../vectors/peft/", import.meta.url));
interface Cases {
  readonly config: unknown;
  readonly pixels: readonly [string, readonly number[]];
  readonly ids: readonly (readonly number[])[];
  readonly losses: Readonly<Record<string, number>>;
  readonly tolerance: { readonly feature: number; readonly gradient: number };
}
const cases = JSON.parse(readFileSync(`${folder}cases.json`, "utf8")) as Cases;
const config = parseModelConfig(cases.config, "cases.json");
let expected: ReadonlyMap<string, Float32Array>;
beforeAll(async () => {
  expected = await readTensorsAt(`${folder}cases.safetensors`);
});

const batchOf = (): PairBatch => ({
  pixels: tensor(pixels(...cases.pixels), cases.pixels[1], "float32"),
  texts: tokenBatch(cases.ids),
  textOf: Int32Array.from(cases.ids, (_, i) => i),
});

/** The model with a method's adapters, whose parameters `own` gives. */
function adapted(definition: MethodDefinition, options: object, own: (name: string) => Tensor): Clip & { readonly adapters: Adapters } {
  const model = filledModel(cases.config);
  const adapters = definition.build(definition.options.parse(options)).adapt?.(model, { task: 0, random: createRandom(0) }) as Adapters;
  for (const [name, weight] of adapters.weights) copyInto(weight, own(name));
  return { ...model, adapters };
}

function check(name: string, model: Clip & { readonly adapters: Adapters }): void {
  const batch = batchOf();
  const compute = computeWeights(model, "fp32");
  const { feature, gradient } = cases.tolerance;
  expect(worstDifference(readFloats(embedImage(compute, batch.pixels)), expected.get(`${name}/image`)).difference).toBeLessThan(feature);
  expect(worstDifference(readFloats(embedText(compute, batch.texts)), expected.get(`${name}/text`)).difference).toBeLessThan(feature);
  const leaves = [...model.adapters.weights.values()];
  requireGrad(leaves);
  const { loss, gradients } = lossAndGradients(compute, batch, leaves, { objective: clip, checkpointing: false });
  expect(Math.abs(loss - (cases.losses[name] ?? Number.NaN))).toBeLessThan(feature);
  const names = [...model.adapters.weights.keys()];
  expect(new Set(names)).toEqual(
    new Set([...expected.keys()].flatMap((key) => (key.startsWith(`${name}/gradient/`) ? [key.slice(name.length + 10)] : []))),
  );
  names.forEach((own, i) => {
    const theirs = expected.get(`${name}/gradient/${own}`) as Float32Array;
    const { difference } = worstDifference(readFloats(gradients[i] as Tensor), theirs);
    expect({ own, off: !(difference <= gradient * Math.max(1, norm(theirs))) }).toEqual({ own, off: false });
    expect(norm(theirs)).toBeGreaterThan(1e-4);
  });
}

describe("forward and gradients are PEFT's", () => {
  test.each(["lora", "lora-all", "dora", "oft", "vera", "vera-sliced"])("%s, read from the folder that PEFT saved", async (name) => {
    const stored: StoredAdapters = await readPeft(`${folder}${name}`, config);
    const { name: method, ...options } = stored.method;
    const definition = await methods.load(method);
    scope(() => {
      const model = adapted(definition, options, (own) => stored.weights.get(own) as Tensor);
      const shared = model.adapters.shared ?? [];
      const theirs = definition.peft?.common?.unpack(stored.common ?? new Map(), shared) ?? [];
      expect([theirs.length, stored.common !== undefined]).toEqual([shared.length, shared.length > 0]);
      for (const [i, value] of theirs.entries()) copyInto(shared[i] as Tensor, value);
      check(name, model);
    });
    release(stored);
  });
});
