import { add, embedding, indexSelect, linear, reshape, slice, to, toDevice, transpose } from "../engine/ops.ts";
import { type DType, type Tensor, tensor } from "../engine/tensor.ts";
import { block, norm } from "../nn/block.ts";
import type { Tower } from "../nn/tower.ts";
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
 */
export function textTransformer(batch: TokenBatch, weights: View, config: TextConfig & TextOptions): Tower {
  const { ids, rows, length } = cutToLongest(batch);
  const { device } = weights.get("token_embedding.weight");
  const table = toDevice(tensor(config.rowOf ? ids.map(config.rowOf) : ids, [rows, length], "int32"), device);
  const ends = toDevice(
    tensor(
      endPositions({ ids, rows, length }).map((position, row) => row * length + position),
      [rows],
      "int64",
    ),
    device,
  );
  const options = { heads: config.heads, causal: true, quickGelu: config.quickGelu };
  const blocks = Array.from({ length: config.layers }, (_, i) => weights.at(`transformer.resblocks.${i}`));
  return {
    start: () =>
      to(
        add(embedding(weights.get("token_embedding.weight"), table), slice(weights.get("positional_embedding"), 0, 0, length)),
        config.dtype,
      ), // [B, L, D]
    stages: [
      ...blocks.map((view) => (x: Tensor) => block(x, view, options)),
      (x) => {
        const pooled = indexSelect(reshape(x, [rows * length, config.width]), 0, ends);
        return linear(norm(pooled, weights.at("ln_final")), transpose(weights.get("text_projection"), 0, 1));
      },
    ],
  };
}

interface TextOptions {
  readonly quickGelu: boolean;
  /** Type that blocks compute with. */
  readonly dtype: DType;
  /** Row of the embedding table for a true id; absent where the table has every id. */
  readonly rowOf?: (id: number) => number;
}
