import { add, embedding, indexSelect, linear, reshape, slice, toDevice as onDevice, transpose } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { block, norm } from "../nn/block.ts";
import type { View } from "../nn/view.ts";
import type { TextConfig } from "./architecture.ts";

/** Token ids of a batch of texts, row by row, each padded with 0 to `length`. */
export interface TokenBatch {
  readonly ids: Int32Array;
  readonly rows: number;
  readonly length: number;
}

/** Lengths that texts are cut to, so that shapes stay few; a model's own context length is the last. */
const buckets = [16, 24, 32, 48, 64];

/**
 * The same texts cut to the bucket of the longest. Exact: attention is causal, so what comes after the
 * end-of-text token changes nothing before it.
 */
export function cutToLongest(batch: TokenBatch): TokenBatch {
  const longest = Math.max(0, ...endPositions(batch)) + 1;
  const length = buckets.find((size) => size >= longest && size <= batch.length) ?? batch.length;
  if (length === batch.length) return batch;
  const ids = new Int32Array(batch.rows * length);
  for (let row = 0; row < batch.rows; row++) ids.set(batch.ids.subarray(row * batch.length, row * batch.length + length), row * length);
  return { ids, rows: batch.rows, length };
}

/** Position of the end token in each row: the largest id, its first occurrence. */
export function endPositions(batch: TokenBatch): number[] {
  return Array.from({ length: batch.rows }, (_, row) => {
    const ids = batch.ids.subarray(row * batch.length, (row + 1) * batch.length);
    let best = 0;
    for (let i = 1; i < ids.length; i++) if ((ids[i] ?? 0) > (ids[best] ?? 0)) best = i;
    return best;
  });
}

/**
 * Text features before normalisation, [B, E].
 * @param weights The view of the whole model.
 * @param places Row of the embedding table for each id; absent where the table has every id.
 */
export function textTransformer(batch: TokenBatch, weights: View, config: TextConfig & { readonly quickGelu: boolean; readonly rowOf?: (id: number) => number }): Tensor {
  const { ids, rows, length } = cutToLongest(batch);
  const table = config.rowOf ? ids.map(config.rowOf) : ids;
  const ends = endPositions({ ids, rows, length }).map((position, row) => row * length + position);
  const device = weights.get("token_embedding.weight").device;
  const positions = slice(weights.get("positional_embedding"), 0, 0, length);
  let x = add(embedding(weights.get("token_embedding.weight"), onDevice(tensor(table, [rows, length], "int32"), device)), positions); // [B, L, D]
  const options = { heads: config.heads, causal: true, quickGelu: config.quickGelu };
  for (let i = 0; i < config.layers; i++) x = block(x, weights.at(`transformer.resblocks.${i}`), options);
  // Norm and projection act on each token alone, so they are asked of the pooled ones only.
  const pooled = indexSelect(reshape(x, [rows * length, config.width]), 0, onDevice(tensor(ends, [rows], "int64"), device));
  return linear(norm(pooled, weights.at("ln_final")), transpose(weights.get("text_projection"), 0, 1));
}
