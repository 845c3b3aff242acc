import { add, concat, embedding, expand, indexSelect, reshape, to, toDevice } from "../engine/ops.ts";
import { type DType, type Tensor, tensor } from "../engine/tensor.ts";
import { block, norm, pooledBlock, projected } from "../nn/block.ts";
import type { Tower } from "../nn/tower.ts";
import type { View } from "../nn/view.ts";
import type { TextConfig } from "./architecture.ts";
import { shortTable } from "./vocabulary-part.ts";

/** Token ids of a batch of texts, row by row, each padded with 0 to `length`. */
export interface TokenBatch {
  readonly ids: Int32Array;
  readonly rows: number;
  readonly length: number;
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
 * Text features before normalisation, [B, E]. Each text is as long as it is: attention is causal, so what comes after the end token changes nothing
 * before it, and is left out. Prompts come behind the start token, as in arXiv:2109.01134, eq. 2. There they take the text's first positions and the text moves on; here they have none, the
 * text keeps its own, and none is cut.
 * @param weights The view of the whole model.
 */
export function textTransformer(batch: TokenBatch, weights: View, config: TextConfig & TextOptions): Tower {
  const { device } = weights.get("token_embedding.weight");
  const count = config.prompts ?? 0;
  const packed = pack(batch, count);
  const indices = (values: readonly number[]): Tensor => toDevice(tensor(Int32Array.from(values), [values.length], "int32"), device);
  // On shapes alone nothing is looked up, and a plan needs no list of ids.
  const ids = indices(device === "meta" ? packed.ids : rowsOf(packed.ids, config));
  const positions = indices(packed.positions);
  const { rows, length } = packed;
  const layout = { rows, length, packing: { spread: indices(packed.spread), gather: indices(packed.gather) } };
  const pooling = { tokens: indices(packed.ends), mask: to(toDevice(endMask(packed), device), config.dtype) };
  const options = { heads: config.heads, causal: true, quickGelu: config.quickGelu, layout };
  const blocks = Array.from({ length: config.layers }, (_, i) => weights.at(`transformer.resblocks.${i}`));
  const last = blocks.pop() as View;
  return {
    start: () => {
      const row = { kind: "rows", weight: "positional_embedding", input: positions } as const;
      const places = weights.use(row, indexSelect(weights.get("positional_embedding"), 0, positions));
      const table = "token_embedding.weight";
      const tokens = weights.use({ kind: "rows", weight: table, input: ids }, embedding(weights.get(table), ids));
      const texts = add(tokens, places); // [N, D]
      return to(
        count > 0 ? withPrompts(texts, weights, { ...config, rows, places: indices(placesOf(packed, count)) }) : texts,
        config.dtype,
      );
    },
    stages: [
      ...blocks.map((view) => (x: Tensor) => block(x, view, options)),
      (x) => pooledBlock(x, last, { ...options, pooling }),
      (x) => projected(norm(x, weights.at("ln_final")), weights, "text_projection"),
    ],
  };
}

/** Vectors of packed texts [N, D] with the prompts in their places: the same for each text. */
function withPrompts(
  texts: Tensor,
  weights: View,
  { prompts = 0, width, rows, places }: TextConfig & { readonly rows: number; readonly places: Tensor },
): Tensor {
  const table = weights.get("prompt_embedding");
  const output = expand(reshape(table, [1, prompts, width]), [rows, prompts, width]);
  const own = weights.use({ kind: "shared", weight: "prompt_embedding", input: table }, output);
  return indexSelect(concat([texts, reshape(own, [rows * prompts, width])], 0), 0, places);
}

/** Each vector's place among those of the texts and, behind these, each row's prompts. */
function placesOf({ ids, ends }: PackedTexts, prompts: number): readonly number[] {
  const places = Array.from(ids.keys());
  ends.forEach((_, row) => {
    const begin = row === 0 ? 0 : (ends[row - 1] ?? 0) + 1;
    for (let i = 0; i < prompts; i++) places[begin + 1 + i] = ids.length + row * prompts + i;
  });
  return places;
}

/** Texts without what comes after their end tokens, one after another. */
interface PackedTexts {
  readonly rows: number;
  /** Tokens of the longest text. */
  readonly length: number;
  /** Token ids and their positions, [N]; in a prompt's place those of the start token. */
  readonly ids: readonly number[];
  readonly positions: readonly number[];
  /** Places of the end tokens in N, [rows]. */
  readonly ends: readonly number[];
  /** See {@link Layout}. */
  readonly spread: readonly number[];
  readonly gather: readonly number[];
}

/**
 * N is rounded up, by repeating the first token, so that shapes stay few: a matrix product is prepared once for each shape.
 * @param prompts Places behind each text's first token that are kept free for them.
 */
export function pack(batch: TokenBatch, prompts = 0): PackedTexts {
  const last = endPositions(batch).map((end) => end + prompts);
  const length = Math.max(...last, 0) + 1;
  const [ids, positions, gather, ends, spread]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []];
  last.forEach((end, row) => {
    for (let at = 0; at < length; at++) spread.push(ids.length + Math.min(at, end));
    for (let at = 0; at <= end; at++) {
      const position = Math.max(0, at - prompts);
      positions.push(position);
      ids.push(batch.ids[row * batch.length + position] ?? 0);
      gather.push(row * length + at);
    }
    ends.push(ids.length - 1);
  });
  for (let left = roundUp(ids.length) - ids.length; left > 0; left--) {
    ids.push(batch.ids[0] ?? 0);
    positions.push(0);
    gather.push(0);
  }
  return { rows: batch.rows, length, ids, positions, ends, spread, gather };
}

/** The next of sixteen sizes in each octave. */
const roundUp = (n: number): number => {
  const step = Math.max(8, 2 ** (Math.floor(Math.log2(Math.max(1, n))) - 4));
  return Math.ceil(n / step) * step;
};

/** −∞ after each row's end token, [rows, 1, 1, length]. */
function endMask({ rows, length, gather, ends }: PackedTexts): Tensor {
  const mask = new Float32Array(rows * length);
  ends.forEach((end, row) => {
    mask.fill(Number.NEGATIVE_INFINITY, (gather[end] ?? 0) + 1, (row + 1) * length);
  });
  return tensor(mask, [rows, 1, 1, length], "float32");
}

/** Rows of the embedding table. @throws {ArchitectureError} for an id that a table without a list of ids does not have. */
function rowsOf(ids: readonly number[], { rowOf, vocabSize }: TextConfig & TextOptions): readonly number[] {
  if (rowOf) return ids.map(rowOf);
  const missing = ids.find((id) => id >= vocabSize);
  if (missing !== undefined) throw shortTable(vocabSize, `a text has the id ${missing}`);
  return ids;
}

interface TextOptions {
  readonly quickGelu: boolean;
  /** Type that blocks compute with. */
  readonly dtype: DType;
  /** Row of the embedding table for a true id; absent where the table has every id. */
  readonly rowOf?: (id: number) => number;
}
