import { noGrad } from "../engine/grad.ts";
import { clone, concat, indexSelect, normalize, slice, toDevice } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import { type Clip, type ComputeWeights, computeWeights, imageTower, type Precision, textTower } from "../models/clip.ts";
import { run } from "../nn/tower.ts";
import type { PairBatch } from "./gradients.ts";

/** Frozen weights that a model's features are computed under, in the precision of the run. They are held by a state as tensors alone: {@link asTeacher} makes a model of them. */
export function teacherWeights(weights: Weights, precision: Precision, model: Pick<Clip, "config">): Weights {
  return scope(() => {
    const own = new Set(weights.values());
    const copies = computeWeights({ config: model.config, weights, buffers: new Map() }, precision).weights;
    return keep(new Map([...copies].map(([name, value]) => [name, own.has(value) ? scope(() => clone(value)) : value])));
  });
}

/** A model that computes with weights of {@link teacherWeights}, batch norm's running statistics those of the model in training. */
export function asTeacher(weights: Weights, precision: Precision, model: Clip): ComputeWeights {
  const { adapters: _, ...plain } = model;
  const shape = computeWeights({ ...plain, weights: new Map() }, precision);
  return { ...shape, weights };
}

/** Unit-length features of all pairs of a batch under other weights, without a graph: [B, E] each. Images and texts are embedded `microBatch` at a time. */
export function embedUnder(
  weights: ComputeWeights,
  batch: PairBatch,
  microBatch?: number,
): { readonly image: Tensor; readonly text: Tensor } {
  return noGrad(() => {
    const pairs = batch.pixels.shape[0] ?? 0;
    const size = microBatch ?? Math.max(pairs, batch.texts.rows);
    const image = inParts(pairs, size, (from, to) => run(imageTower(weights, slice(batch.pixels, 0, from, to))));
    const { ids, rows, length } = batch.texts;
    const texts = inParts(rows, size, (from, to) =>
      run(textTower(weights, { ids: ids.subarray(from * length, to * length), rows: to - from, length })),
    );
    const places = toDevice(tensor(batch.textOf, [batch.textOf.length], "int32"), texts.device);
    return { image, text: rows === batch.textOf.length ? texts : indexSelect(texts, 0, places) };
  });
}

function inParts(rows: number, size: number, embed: (from: number, to: number) => Tensor): Tensor {
  const parts: Tensor[] = [];
  for (let from = 0; from < rows; from += size) parts.push(scope(() => normalize(embed(from, Math.min(rows, from + size)))));
  return parts.length === 1 ? (parts[0] as Tensor) : concat(parts, 0);
}
