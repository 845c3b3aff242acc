import { linear, slice } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { readFloats, type Tensor } from "../engine/tensor.ts";
import type { Embedder } from "./evaluator.ts";

/** What a model compares, of unit length. */
interface Sides {
  /** [N, E] */
  readonly images: Tensor;
  /** [K, E] */
  readonly texts: Tensor;
}

/**
 * Gives rows of the similarities [N, K] of images to texts: a model's cosines, and of an ensemble its largest logits in the same unit: times the model's scale they are logits.
 * Each model embeds before the next one does; all embeddings live in the current scope.
 */
export function largestSimilarities(model: Embedder, embed: (model: Embedder) => Sides): (from: number, to: number) => Float32Array {
  const own = embed(model);
  const rivals = (model.rivals ?? []).map((rival) => ({ ...embed(rival), unit: rival.scale / model.scale }));
  const cosines = ({ images, texts }: Sides, from: number, to: number): Float32Array =>
    scope(() => readFloats(linear(slice(images, 0, from, to), texts)));
  return (from, to) => {
    const largest = cosines(own, from, to);
    for (const { unit, ...sides } of rivals)
      cosines(sides, from, to).forEach((cosine, i) => {
        largest[i] = Math.max(largest[i] as number, unit * cosine);
      });
    return largest;
  };
}
