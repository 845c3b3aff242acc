import type { VectorTable } from "./neighbours.ts";

/** Unit-length embeddings of pairs, row by row. */
export interface PairTable {
  readonly image: VectorTable;
  readonly text: VectorTable;
}

export interface MatchingOptions {
  /** Inverse temperature of the scorer: exp(logit_scale). */
  readonly scale: number;
  /** Average over the concept's own pairs, or, as the paper does, over the distractors too. */
  readonly over: "concept" | "all";
}

/**
 * How badly a frozen scorer matches a concept's images with their captions among distractors: the mean over pairs of half the cross-entropy of the pair's row and
 * half that of its column (arXiv:2408.14471, §3.3, easy to hard). The mean goes over the concept's pairs; the paper's goes over the distractors too.
 */
export function matchingLoss(concept: PairTable, distractors: PairTable, { scale, over }: MatchingOptions): number {
  const image = joined(concept.image, distractors.image);
  const text = joined(concept.text, distractors.text);
  const scored = over === "all" ? image.rows : concept.image.rows;
  const logits = new Float64Array(image.rows);
  let sum = 0;
  for (let pair = 0; pair < scored; pair++) {
    const own = scale * between(image, pair, text, pair);
    for (let other = 0; other < image.rows; other++) logits[other] = scale * between(image, pair, text, other);
    sum += (logSumExp(logits) - own) / 2;
    for (let other = 0; other < image.rows; other++) logits[other] = scale * between(image, other, text, pair);
    sum += (logSumExp(logits) - own) / 2;
  }
  return sum / scored;
}

function between(image: VectorTable, row: number, text: VectorTable, other: number): number {
  const { width } = image;
  let sum = 0;
  for (let i = 0; i < width; i++) sum += (image.values[row * width + i] as number) * (text.values[other * width + i] as number);
  return sum;
}

function joined(a: VectorTable, b: VectorTable): VectorTable {
  const values = new Float32Array(a.values.length + b.values.length);
  values.set(a.values);
  values.set(b.values, a.values.length);
  return { rows: a.rows + b.rows, width: a.width, values };
}

function logSumExp(values: Float64Array): number {
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
