import { native } from "./binding.ts";
import { one, operator } from "./operator.ts";
import { guard, type Tensor } from "./tensor.ts";

/** U [m, k], singular values [k] in falling order and Vᵀ [k, n] of a matrix [m, n], k the shorter side. */
export function singularValues(matrix: Tensor): { readonly u: Tensor; readonly s: Tensor; readonly vt: Tensor } {
  const [u, s, vt] = operator("aten::linalg_svd")(matrix, false) as readonly [Tensor, Tensor, Tensor];
  return { u, s, vt };
}

/** Eigenvalues [n] of a symmetric matrix [n, n] in rising order, and their vectors as columns [n, n]. */
export function eigen(matrix: Tensor): { readonly values: Tensor; readonly vectors: Tensor } {
  const [values, vectors] = operator("aten::linalg_eigh")(matrix) as readonly [Tensor, Tensor];
  return { values, vectors };
}

/** X with A X = B, for a square A. @throws {EngineError} when A is singular. */
export const solve = (a: Tensor, b: Tensor): Tensor => one("aten::linalg_solve", operator("aten::linalg_solve")(a, b));

/** keep · c + scale · a b for a [M, K], b [K, N] and c [M, N], or a c that broadcasts to it: one product, written once. */
export const blendProduct = (c: Tensor, a: Tensor, b: Tensor, by: { readonly keep: number; readonly scale: number }): Tensor =>
  one("aten::addmm", operator("aten::addmm")(c, a, b, { float: by.keep }, { float: by.scale }));

/** c + scale · a b. */
export const addProduct = (c: Tensor, a: Tensor, b: Tensor, scale = 1): Tensor => blendProduct(c, a, b, { keep: 1, scale });

/** c + a ⊙ b, broadcast. */
export const addScaled = (c: Tensor, a: Tensor, b: Tensor): Tensor => one("aten::addcmul", operator("aten::addcmul")(c, a, b));

/** L2 norm of each row of a matrix [N, K]: [N]. */
export const rowNorms = (matrix: Tensor): Tensor => one("aten::linalg_vector_norm", operator("aten::linalg_vector_norm")(matrix, 2, [1]));

/** Runs `work` on one compute thread, so that the bits of its products do not depend on how many there are. */
export function onOneThread<Result>(work: () => Result): Result {
  const { threads } = native.facts();
  guard("setThreads", () => native.setThreads(1));
  try {
    return work();
  } finally {
    guard("setThreads", () => native.setThreads(threads));
  }
}
