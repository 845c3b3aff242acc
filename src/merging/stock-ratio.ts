import { normOf, productOf } from "./angle.ts";
import type { Products } from "./products.ts";

/**
 * How far Model Stock goes from the base to the models' mean: ρ = n·c/(1 + (n − 1)·c), held within [0, 1], with c the mean cosine of all pairs of
 * task vectors. 1 where there is no such cosine, or where the vectors cancel.
 */
export function stockRatio(products: Products): { readonly cosine: number | undefined; readonly ratio: number } {
  const n = products.length;
  const norms = products.map((_, i) => normOf(products, i));
  if (norms.includes(0)) return { cosine: undefined, ratio: 1 };
  let total = 0;
  for (let i = 1; i < n; i++)
    for (let j = 0; j < i; j++) total += productOf(products, i, j) / ((norms[i] as number) * (norms[j] as number));
  const cosine = total / ((n * (n - 1)) / 2);
  const denominator = 1 + (n - 1) * cosine;
  return { cosine, ratio: denominator <= 1e-8 ? 1 : Math.min(1, Math.max(0, (n * cosine) / denominator)) };
}
