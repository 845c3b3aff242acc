import { singularValues } from "../engine/linear-algebra.ts";
import { concat, matmul, mul, reshape, slice, sub, transpose } from "../engine/ops.ts";
import { readFloats, type Tensor, tensor } from "../engine/tensor.ts";

/**
 * What a task vector adds to a merged one: in all of the merged one's singular directions, without the diagonal and without the leading block that
 * holds a share `alpha` of its singular values. [size]; linear layers that lie below each other are taken apart.
 */
export function outsideOf(
  merged: Tensor,
  vector: Tensor,
  at: { readonly shape: readonly number[]; readonly layers: number; readonly alpha: number },
): Tensor {
  const rows = (at.shape[0] ?? 0) / at.layers;
  const part = (of: Tensor, k: number): Tensor => slice(reshape(of, at.shape), 0, k * rows, (k + 1) * rows);
  const parts = Array.from({ length: at.layers }, (_, k) => project(part(merged, k), part(vector, k), at.alpha));
  return reshape(concat(parts, 0), [vector.size]);
}

/** τ less its part within the mask: so directions that the short decomposition leaves out stay whole. */
function project(merged: Tensor, vector: Tensor, alpha: number): Tensor {
  const { u, s, vt } = singularValues(merged);
  const values = readFloats(s);
  if (values[0] === 0) return vector;
  const inside = matmul(matmul(transpose(u, 0, 1), vector), transpose(vt, 0, 1)); // [k, k]
  return sub(vector, matmul(matmul(u, mul(inside, innerMask(leadingRank(values, alpha), s.size))), vt));
}

/** First index at which the running sum of the singular values exceeds a share of their total. */
function leadingRank(values: Float32Array, alpha: number): number {
  const limit = alpha * values.reduce((sum, value) => sum + value, 0);
  let running = 0;
  for (const [index, value] of values.entries()) {
    running += value;
    if (running > limit) return index;
  }
  return values.length;
}

/** 1 on the diagonal and in the leading r × r block, else 0. */
function innerMask(r: number, side: number): Tensor {
  const mask = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    if (row < r) mask.fill(1, row * side, row * side + r);
    mask[row * side + row] = 1;
  }
  return tensor(mask, [side, side], "float32");
}
