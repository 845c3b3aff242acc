import { cosPi } from "../util/elementary.ts";
import type { Products } from "./products.ts";

/** arccos(c)/π in [0, 1], by bisection over our own cosine: `Math.acos` may differ between versions of Node. */
export function acosPi(c: number): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (cosPi(middle) > c) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** sin(πx). */
export const sinPi = (x: number): number => cosPi(x - 0.5);

/** ‖x_i‖ from the products of all pairs. */
export const normOf = (products: Products, i: number): number => Math.sqrt(products[i]?.[i] ?? 0);

/** ⟨x_i, x_j⟩. */
export const productOf = (products: Products, i: number, j: number): number => products[Math.max(i, j)]?.[Math.min(i, j)] ?? 0;
