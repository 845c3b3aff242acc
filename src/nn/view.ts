import { linear, slice } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type Adapter, adapterName } from "./adapter.ts";

/** A linear layer of a view: names of its weight [N, K] and bias [N], and the output rows that are asked for where not all are. */
export interface LinearNames {
  readonly weight: string;
  readonly bias: string;
  readonly rows?: readonly [from: number, to: number];
}

/** Weights as a forward pass asks for them: by the rest of their name. */
export interface View {
  get(name: string): Tensor;
  /** The weights below a dotted prefix. */
  at(prefix: string): View;
  /** x [..., K] through a linear layer, or through the adapter that stands beside its weight. */
  linear(x: Tensor, names: LinearNames): Tensor;
  /** True where an adapter stands beside a weight. */
  isAdapted(weight: string): boolean;
}

type Sites = ReadonlyMap<string, Adapter>;
const none: Sites = new Map();

/** A view of weights by full name; `sites` are the adapters among them. */
export function viewOf(weights: ReadonlyMap<string, Tensor>, prefix = "", sites: Sites = none): View {
  const find = (name: string): Tensor => {
    const found = weights.get(name);
    if (!found) throw new Error(`internal: the model has no weight named ${name}`);
    return found;
  };
  return {
    get: (name) => find(prefix + name),
    at: (rest) => viewOf(weights, `${prefix}${rest}.`, sites),
    isAdapted: (name) => sites.has(prefix + name),
    linear: (x, names) => {
      const site = prefix + names.weight;
      const [weight, bias, adapter] = [find(site), find(prefix + names.bias), sites.get(site)];
      if (adapter) {
        const own = (name: string): Tensor => find(adapterName(site, name));
        return adapter.apply(x, { weight, bias, own, ...(names.rows ? { rows: names.rows } : {}) });
      }
      return names.rows ? linear(x, slice(weight, 0, ...names.rows), slice(bias, 0, ...names.rows)) : linear(x, weight, bias);
    },
  };
}
