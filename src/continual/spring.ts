import { mul, mulNumber, sub, sum } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";

/** A pull k/2 · Σ F (θ − θ*)² on a weight and its gradient k · F (θ − θ*); F is 1 everywhere when absent. */
export function spring(
  weight: Tensor,
  anchor: Tensor,
  { stiffness, importance }: { readonly stiffness: number; readonly importance?: Tensor | undefined },
): { readonly value: Tensor; readonly gradient: Tensor } {
  const distance = sub(weight, anchor);
  const pull = importance ? mul(importance, distance) : distance;
  return { value: mulNumber(sum(mul(pull, distance)), stiffness / 2), gradient: mulNumber(pull, stiffness) };
}
