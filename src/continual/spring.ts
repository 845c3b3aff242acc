import { fromHost } from "../engine/offload.ts";
import { add, mul, mulNumber, sub, sum } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";

/** A pull on one weight: its value, a scalar, and its gradient, of the weight's shape. */
export interface Pull {
  readonly value: Tensor;
  readonly gradient: Tensor;
}

/** How stiff a spring is; F is 1 everywhere when absent. */
interface Stiffness {
  readonly stiffness: number;
  readonly importance?: Tensor | undefined;
}

/** A pull k/2 · Σ F (θ − θ*)² on a weight and its gradient k · F (θ − θ*). Anchor and F may lie elsewhere than the weight. */
export function spring(weight: Tensor, anchor: Tensor, { stiffness, importance }: Stiffness): Pull {
  // A step has a spring for each weight: what one is computed by would add up to whole models.
  return scope(() => {
    const distance = sub(weight, fromHost(anchor, weight.device));
    const pull = importance ? mul(fromHost(importance, weight.device), distance) : distance;
    return { value: mulNumber(sum(mul(pull, distance)), stiffness / 2), gradient: mulNumber(pull, stiffness) };
  });
}

/** What weights are tied to; nothing is pulled before there is an anchor. */
export interface Springs {
  readonly stiffness: number;
  readonly anchor: Weights | null;
  /** F by parameter. */
  readonly importance: Weights | null;
}

/** The pull of springs on one weight; undefined where it has no anchor or no importance. */
export function springOn(name: string, weight: Tensor, { stiffness, anchor, importance }: Springs): Pull | undefined {
  const [from, own] = [anchor?.get(name), importance?.get(name)];
  return from && own && spring(weight, from, { stiffness, importance: own });
}

/** All pulls on one weight as one, made and added in order, so that no more than two are there at a time; undefined where there is none. */
export function sumOfPulls(pulls: readonly (() => Pull | undefined)[]): Pull | undefined {
  const last = pulls.at(-1);
  if (!last) return undefined;
  return scope(() => {
    const before = sumOfPulls(pulls.slice(0, -1));
    const pull = last();
    if (!before || !pull) return before ?? pull;
    return { value: add(before.value, pull.value), gradient: add(before.gradient, pull.gradient) };
  });
}
