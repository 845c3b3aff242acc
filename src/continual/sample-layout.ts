import { concat, indexSelect, mul, reshape, slice, to, toDevice, zeros } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { pack, type TokenBatch } from "../models/text-transformer.ts";

/** Which vectors of a tower's batch belong to which of its samples. */
export interface SampleLayout {
  readonly samples: number;
  /** Sample of each token of a packed batch, in their order; empty where vectors are not packed. */
  readonly sampleOf: readonly number[];
  /** Vectors [B, …, C] or [B · L, C], or packed, by sample: [B, L, C] in their own type, zeros after a sample's end. */
  group(vectors: Tensor): Tensor;
  /** The same sample's part as a batch of that sample alone would have it. */
  only(vectors: Tensor, sample: number): Tensor;
}

/** Every sample has as many vectors. */
export function evenLayout(samples: number): SampleLayout {
  return {
    samples,
    sampleOf: [],
    group: (x) => reshape(x, [samples, -1, x.shape.at(-1) ?? 0]),
    only: (x, sample) => {
      const each = (x.shape[0] ?? 0) / samples;
      return slice(x, 0, sample * each, (sample + 1) * each);
    },
  };
}

/** Texts one after another without padding, each with so many prompts, as the text transformer has them; pooled vectors are one a sample. */
export function packedLayout(texts: TokenBatch, prompts = 0): SampleLayout {
  const { rows, length, spread, ends } = pack(texts, prompts);
  const begins = ends.map((_, row) => (row === 0 ? 0 : (ends[row - 1] ?? 0) + 1));
  const counts = ends.map((end, row) => end + 1 - (begins[row] ?? 0));
  const mask = Float32Array.from({ length: rows * length }, (_, i) => (i % length < (counts[Math.floor(i / length)] ?? 0) ? 1 : 0));
  const even = evenLayout(rows);
  const isPooled = (x: Tensor): boolean => x.shape[0] === rows;
  return {
    samples: rows,
    sampleOf: counts.flatMap((count, row) => Array.from({ length: count }, () => row)),
    group: (x) => {
      if (isPooled(x)) return even.group(x);
      const places = toDevice(tensor(Int32Array.from(spread), [rows * length], "int32"), x.device);
      const kept = to(toDevice(tensor(mask, [rows, length, 1], "float32"), x.device), x.dtype);
      return mul(even.group(indexSelect(x, 0, places)), kept);
    },
    only: (x, sample) => {
      if (isPooled(x)) return even.only(x, sample);
      const [from, count] = [begins[sample] ?? 0, counts[sample] ?? 0];
      const own = slice(x, 0, from, from + count);
      const one = { ids: texts.ids.subarray(sample * texts.length, (sample + 1) * texts.length), rows: 1, length: texts.length };
      const { ids } = pack(one, prompts);
      return ids.length === count ? own : concat([own, zeros([ids.length - count, x.shape[1] ?? 0], x.dtype, x.device)], 0);
    },
  };
}
