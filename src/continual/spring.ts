import { fromHost, isAway } from "../engine/offload.ts";
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

/** A pull k/2 · Σ F (θ − θ*)² on a weight and its gradient k · F (θ − θ*). Anchor and F may lie elsewhere than the weight: copies of them stay no longer than this. */
export function spring(weight: Tensor, anchor: Tensor, { stiffness, importance }: Stiffness): Pull {
  const { device } = weight;
  if (![anchor, importance].some((each) => each && isAway(each, device))) return springHere(weight, anchor, { stiffness, importance });
  return scope(() => springHere(weight, fromHost(anchor, device), { stiffness, importance: importance && fromHost(importance, device) }));
}

function springHere(weight: Tensor, anchor: Tensor, { stiffness, importance }: Stiffness): Pull {
  const distance = sub(weight, anchor);
  const pull = importance ? mul(importance, distance) : distance;
  return { value: mulNumber(sum(mul(pull, distance)), stiffness / 2), gradient: mulNumber(pull, stiffness) };
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

/** All pulls on one weight as one; undefined where there is none. */
export function sumOfPulls(pulls: readonly Pull[]): Pull | undefined {
  const [first, ...rest] = pulls;
  return first && rest.reduce((a, b) => ({ value: add(a.value, b.value), gradient: add(a.gradient, b.gradient) }), first);
}
