import { native } from "./binding.ts";
import { one, operator } from "./operator.ts";
import { guard, type Tensor } from "./tensor.ts";

/** U [m, k], singular values [k] in falling order and Vᵀ [k, n] of a matrix [m, n], k the shorter side. */
export function singularValues(matrix: Tensor): { readonly u: Tensor; readonly s: Tensor; readonly vt: Tensor } {
  const [u, s, vt] = operator("aten::linalg_svd")(matrix, false) as readonly [Tensor, Tensor, Tensor];
  return { u, s, vt };
}

/** X with A X = B, for a square A. @throws {EngineError} when A is singular. */
export const solve = (a: Tensor, b: Tensor): Tensor => one("aten::linalg_solve", operator("aten::linalg_solve")(a, b));

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
