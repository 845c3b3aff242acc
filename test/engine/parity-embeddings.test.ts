import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { noGrad } from "../../src/engine/grad.ts";
import { exp, normalize } from "../../src/engine/ops.ts";
import { scope } from "../../src/engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { type ComputeWeights, computeWeights, imageTower, textTower } from "../../src/models/clip.ts";
import { stateTensors } from "../../src/models/parameters.ts";
import { pack } from "../../src/models/text-transformer.ts";
import type { Tower } from "../../src/nn/tower.ts";
import { filledDigest, filledModel, pixels } from "./filled-weights.ts";
import { readTensors, readVectors, tokenBatch, worstDifference } from "./vectors.ts";

interface Reference {
  readonly config: { readonly vision_cfg: { readonly layers: number | readonly number[]; readonly width?: number } };
  readonly pixels: readonly [string, readonly number[]];
  readonly ids: readonly (readonly number[])[];
  readonly sha256: { readonly state: string; readonly pixels: string };
  readonly shapes: readonly (readonly [string, readonly number[]])[];
}
interface Models {
  readonly tolerance: { readonly normalised: number; readonly relative: number };
  readonly models: Readonly<Record<string, Reference>>;
}

const { tolerance, models } = readVectors<Models>("models.json");
const small = Object.keys(models).filter((name) => name.startsWith("tiny"));
const large = Object.keys(models).filter((name) => !name.startsWith("tiny"));
const stored = new Map<string, Float32Array>();
beforeAll(async () => {
  for (const file of ["small.safetensors", "large.safetensors"])
    for (const [name, values] of await readTensors(file)) stored.set(name, values);
});

function reference(name: string): Reference {
  const found = models[name];
  if (!found) throw new Error(`no vectors for ${name}`);
  return found;
}

/** Output of the start and of every stage. */
function outputs(tower: Tower): Tensor[] {
  const all = [tower.start()];
  for (const stage of tower.stages) all.push(stage(all.at(-1) as Tensor));
  return all;
}

/** The stored rows that a stage of ours computes: of a packed text its own tokens, of the last block the pooled one. */
function rowsOf(all: Float32Array | undefined, width: number, rows: readonly number[] | undefined): Float32Array | undefined {
  if (!all || !rows) return all;
  return Float32Array.from(rows.flatMap((row) => [...all.subarray(row * width, (row + 1) * width)]));
}

/** Worst difference of a tensor from the stored one, as a share of its allowance (≤ 1 passes). */
function shareOfTolerance(key: string, got: Tensor, rows?: readonly number[]): string {
  const expected = rowsOf(stored.get(key), got.shape.at(-1) ?? 1, rows);
  const scale = key.endsWith(".normalised") ? tolerance.normalised : tolerance.relative * Math.max(...(expected ?? []).map(Math.abs));
  const { difference, at } = worstDifference(readFloats(got), expected);
  return difference <= scale ? "" : `${key}[${at}]: off by ${difference}, allowed ${scale}`;
}

function compute(name: string): { readonly model: ComputeWeights; readonly images: Tensor } {
  const { config, pixels: recipe } = reference(name);
  const model = filledModel(config);
  return { model: computeWeights(model, "fp32"), images: tensor(pixels(...recipe), recipe[1], "float32") };
}

/** Names of the stored intermediate outputs by stage of our towers; the text tower pools before its last norm, so that one has no twin. */
function stageNames(name: string): { readonly image: readonly (string | undefined)[]; readonly text: readonly (string | undefined)[] } {
  const { layers } = reference(name).config.vision_cfg;
  const text = [undefined, "text.block.0", "text.block.1"];
  if (typeof layers === "number") return { image: ["image.ln_pre", "image.block.0", "image.block.1"], text };
  return { image: ["image.stem", ...layers.flatMap((count, i) => [...new Array(count - 1).fill(undefined), `image.layer${i + 1}`])], text };
}

/** Rows of a stored [B, L, D] that our stage of that name gives; undefined for all of them, in order. */
function computedRows(name: string, key: string): readonly number[] | undefined {
  const { ids, config } = reference(name);
  const context = ids[0]?.length ?? 0;
  if (key === "image.block.1") {
    const [, [batch = 0]] = reference(name).pixels;
    const tokens = (stored.get(`${name}/image.ln_pre`)?.length ?? 0) / batch / (config.vision_cfg.width ?? 1);
    return Array.from({ length: batch }, (_, row) => row * tokens);
  }
  const packed = pack(tokenBatch(ids));
  const place = (at: number): number => Math.floor(at / packed.length) * context + (at % packed.length);
  if (key === "text.block.0") return packed.gather.map(place);
  return key === "text.block.1" ? packed.ends.map((end) => place(packed.gather[end] ?? 0)) : undefined;
}

describe("filled weights", () => {
  test.each([...small, "ViT-B-32"])("of %s have the bits of the Python recipe", (name) => {
    const { shapes, sha256, pixels: recipe } = reference(name);
    expect(filledDigest(shapes)).toBe(sha256.state);
    expect(
      createHash("sha256")
        .update(new Uint8Array(pixels(...recipe).buffer))
        .digest("hex"),
    ).toBe(sha256.pixels);
  });

  test.each(Object.keys(models))("%s has OpenCLIP's state in OpenCLIP's order", (name) => {
    const { config, shapes } = reference(name);
    expect(stateTensors(parseModelConfig(config, name)).map((entry) => [entry.name, entry.shape])).toEqual(shapes);
  });
});

describe("embeddings equal OpenCLIP's", () => {
  test.each(small)("%s, and the output of every block", (name) => {
    const wrong = scope(() =>
      noGrad(() => {
        const { model, images } = compute(name);
        const towers = { image: outputs(imageTower(model, images)), text: outputs(textTower(model, tokenBatch(reference(name).ids))) };
        const checks = (["image", "text"] as const).flatMap((tower) => {
          const features = towers[tower].at(-1) as Tensor;
          const stages = stageNames(name)[tower].map((key, i) =>
            key ? shareOfTolerance(`${name}/${key}`, towers[tower][i] as Tensor, computedRows(name, key)) : "",
          );
          return [
            ...stages,
            shareOfTolerance(`${name}/${tower}.features`, features),
            shareOfTolerance(`${name}/${tower}.normalised`, normalize(features)),
          ];
        });
        const scale = model.weights.get("logit_scale") as Tensor;
        return [...checks, shareOfTolerance(`${name}/logit_scale`, exp(scale))];
      }),
    );
    expect(wrong.filter((text) => text !== "")).toEqual([]);
  });

  test.each(large)(
    "%s",
    (name) => {
      const wrong = scope(() =>
        noGrad(() => {
          const { model, images } = compute(name);
          const image = normalize(outputs(imageTower(model, images)).at(-1) as Tensor);
          const text = normalize(outputs(textTower(model, tokenBatch(reference(name).ids))).at(-1) as Tensor);
          return [shareOfTolerance(`${name}/image.normalised`, image), shareOfTolerance(`${name}/text.normalised`, text)];
        }),
      );
      expect(wrong.filter((text) => text !== "")).toEqual([]);
    },
    120_000,
  );
});
