import { noGrad } from "../engine/grad.ts";
import { clone } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";

/** A copy of weights that is the caller's own: nothing else changes or frees it, and no graph leads back to them. */
export function snapshot(weights: Weights, wanted: (name: string) => boolean = () => true): Weights {
  return new Map(
    [...weights].filter(([name]) => wanted(name)).map(([name, weight]) => [name, scope(() => noGrad(() => keep(clone(weight))))]),
  );
}
