import { noGrad } from "./grad.ts";
import { type Argument, operator } from "./operator.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

// Overwrites its first tensor, outside of any graph; only an owner of it may.

/** Runs an operator that changes its first argument. What it gives back is another handle of that tensor, and is let go at once. */
export const inPlace = (name: string, ...args: readonly Argument[]): void => {
  noGrad(() =>
    scope(() => {
      operator(name)(...args);
    }),
  );
};
const fraction = (value: number): Argument => ({ float: value });

/** target ← factor · target. */
export const scaleInto = (target: Tensor, factor: number): void => inPlace("aten::mul_.Scalar", target, fraction(factor));

/** target ← target + 1, of a counter. */
export const increment = (target: Tensor): void => inPlace("aten::add_.Scalar", target, 1, 1);

/** target ← target + factor · other. */
export const addInto = (target: Tensor, other: Tensor, factor = 1): void => inPlace("aten::add_.Tensor", target, other, fraction(factor));

/** target ← target + share · (other − target). */
export const lerpInto = (target: Tensor, other: Tensor, share: number): void =>
  inPlace("aten::lerp_.Scalar", target, other, fraction(share));

/** c ← keep · c + scale · a b. */
export const addProductInto = (c: Tensor, a: Tensor, b: Tensor, by: { readonly keep: number; readonly scale: number }): void =>
  inPlace("aten::addmm_", c, a, b, fraction(by.keep), fraction(by.scale));

/** Adds row i of `source` to row `rows[i]` (int64) of the target, one after another. */
export const addRowsInto = (target: Tensor, rows: Tensor, source: Tensor): void => inPlace("aten::index_add_", target, 0, rows, source);

/** sum [N, K] ← sum + Σ over samples of the square, or the magnitude, of gᵀ x, entry by entry; g [B, L, N], x [B, L, K], both float32 or both bfloat16, sum float32. No product is written to memory. */
export const addSampleProductsInto = (sum: Tensor, g: Tensor, x: Tensor, measure: "square" | "magnitude"): void =>
  inPlace("evergreen::add_sample_products_", sum, g, x, measure === "square");
