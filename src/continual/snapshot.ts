import { noGrad } from "../engine/grad.ts";
import { clone } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";

/** A copy of weights that is the caller's own: nothing else changes or frees it, and no graph leads back to them. `place` may lay each copy elsewhere. */
export function snapshot(
  weights: Weights,
  wanted: (name: string) => boolean = () => true,
  place: (copy: Tensor) => Tensor = (copy) => copy,
): Weights {
  return new Map(
    [...weights].filter(([name]) => wanted(name)).map(([name, weight]) => [name, scope(() => noGrad(() => keep(place(clone(weight)))))]),
  );
}
