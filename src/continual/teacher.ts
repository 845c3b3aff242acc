import { noGrad } from "../engine/grad.ts";
import { clone, concat, indexSelect, normalize, slice } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import { type Clip, type ComputeWeights, computeWeights, imageTower, type Precision, textTower } from "../models/clip.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import { run } from "../nn/tower.ts";
import type { PairBatch } from "./gradients.ts";
import { picking } from "./picking.ts";

/** Frozen weights that a model's features are computed under, in the precision of the run. They are held by a state as tensors alone: {@link asTeacher} makes a model of them. */
export function teacherWeights(weights: Weights, precision: Precision, model: Pick<Clip, "config">): Weights {
  const made = (): Weights => {
    const own = new Set(weights.values());
    const copies = computeWeights({ config: model.config, weights, buffers: new Map() }, precision).weights;
    return keep(new Map([...copies].map(([name, value]) => [name, own.has(value) ? scope(() => clone(value)) : value])));
  };
  return scope(() => noGrad(made));
}

/** A model that computes with weights of {@link teacherWeights}, batch norm's running statistics those of the model in training. */
export function asTeacher(weights: Weights, precision: Precision, model: Clip): ComputeWeights {
  const { adapters: _, ...plain } = model;
  const shape = computeWeights({ ...plain, weights: new Map() }, precision);
  return { ...shape, weights };
}

/** The parts of a batch that features are made of. */
type Pairs = Pick<PairBatch, "pixels" | "texts" | "textOf">;

/** Unit-length features of pairs under other weights, without a graph: [B, E] each. Images and texts are embedded `microBatch` at a time. */
export function embedUnder(weights: ComputeWeights, batch: Pairs, microBatch?: number): { readonly image: Tensor; readonly text: Tensor } {
  return noGrad(() => {
    const image = embedImagesUnder(weights, batch.pixels, microBatch);
    const texts = embedTextsUnder(weights, batch.texts, microBatch ?? batch.textOf.length);
    const isOneEach = batch.texts.rows === batch.textOf.length;
    return { image, text: isOneEach ? texts : indexSelect(texts, 0, picking(batch.textOf, texts.device)) };
  });
}

/** Unit-length features of images, [B, E], as {@link embedUnder}. */
export function embedImagesUnder(weights: ComputeWeights, pixels: Tensor, microBatch?: number): Tensor {
  const rows = pixels.shape[0] ?? 0;
  return inParts(rows, microBatch ?? rows, (from, to) => run(imageTower(weights, slice(pixels, 0, from, to))));
}

/** Unit-length features of texts, [N, E], as {@link embedUnder}. */
export function embedTextsUnder(weights: ComputeWeights, { ids, rows, length }: TokenBatch, microBatch: number): Tensor {
  return inParts(rows, microBatch, (from, to) =>
    run(textTower(weights, { ids: ids.subarray(from * length, to * length), rows: to - from, length })),
  );
}

/** Some pairs of a batch, ascending, with the texts that they have; the batch itself where they are all or absent. */
export function pairsOf(batch: Pairs, rows?: readonly number[]): Pairs {
  if (!rows || rows.length === batch.textOf.length) return batch;
  const { ids, length } = batch.texts;
  const textOf = rows.map((row) => batch.textOf[row] ?? 0);
  const wanted = [...new Set(textOf)];
  const placeOf = new Map(wanted.map((text, place) => [text, place]));
  const taken = new Int32Array(wanted.length * length);
  for (const [place, text] of wanted.entries()) taken.set(ids.subarray(text * length, (text + 1) * length), place * length);
  return {
    pixels: imagesOf(batch, rows),
    texts: { ids: taken, rows: wanted.length, length },
    textOf: Int32Array.from(textOf, (text) => placeOf.get(text) ?? 0),
  };
}

/** The images of {@link pairsOf}. */
export function imagesOf({ pixels }: Pick<Pairs, "pixels">, rows?: readonly number[]): Tensor {
  return rows && rows.length < (pixels.shape[0] ?? 0) ? indexSelect(pixels, 0, picking(rows, pixels.device)) : pixels;
}

function inParts(rows: number, size: number, embed: (from: number, to: number) => Tensor): Tensor {
  return noGrad(() => {
    const parts: Tensor[] = [];
    for (let from = 0; from < rows; from += size) parts.push(scope(() => normalize(embed(from, Math.min(rows, from + size)))));
    return parts.length === 1 ? (parts[0] as Tensor) : concat(parts, 0);
  });
}
