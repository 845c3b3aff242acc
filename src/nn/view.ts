import { layerNorm, linear, slice } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type Adapter, adapterName } from "./adapter.ts";

/** A linear layer of a view: names of its weight [N, K] and bias [N], and the output rows that are asked for where not all are. */
interface LinearNames {
  readonly weight: string;
  readonly bias: string;
  readonly rows?: readonly [from: number, to: number];
}

/** A use of a weight by a forward pass: what went in, and what came out of it. */
export interface WeightUse {
  /**
   * linear: x weightᵀ + bias, the weight's axes after its first as one; projection: x weight; norm: normalised x · weight + bias; rows: rows of a table; convolution; shared: the weight as it
   * is, for each sample.
   */
  readonly kind: "linear" | "projection" | "norm" | "rows" | "convolution" | "shared";
  /** Full names. */
  readonly weight: string;
  readonly bias?: string;
  /** Output rows of the weight that were asked for, where not all were. */
  readonly rows?: readonly [from: number, to: number];
  /** Of a convolution. */
  readonly stride?: number;
  readonly padding?: number;
  /** x [..., K], the numbers of a table's rows, or a shared weight itself. */
  readonly input: Tensor;
  readonly output: Tensor;
}

/** Is told of each use. */
export type Watch = (use: WeightUse) => void;

/** ε of every layer norm of CLIP. */
export const normEpsilon = 1e-5;

/** Weights as a forward pass asks for them: by the rest of their name. */
export interface View {
  get(name: string): Tensor;
  /** The weights below a dotted prefix. */
  at(prefix: string): View;
  /** x [..., K] through a linear layer, or through the adapter that stands beside its weight. */
  linear(x: Tensor, names: LinearNames): Tensor;
  /** Layer norm of x [..., D] with the weights `weight` and `bias`. Statistics are float32 in any precision. */
  norm(x: Tensor): Tensor;
  /** What comes out of a weight that is used otherwise; names are those of the view. */
  use(about: Omit<WeightUse, "output">, output: Tensor): Tensor;
  /** False where no more is asked of a linear layer than its output: no adapter stands beside it, and nobody watches. */
  isMore(weight: string): boolean;
}

/** What stands beside weights. */
export interface Beside {
  readonly sites?: ReadonlyMap<string, Adapter> | undefined;
  /** Told of the uses of weights that no adapter stands beside. */
  readonly watch?: Watch | undefined;
}

/** A view of weights by full name. */
export function viewOf(weights: ReadonlyMap<string, Tensor>, prefix = "", beside: Beside = {}): View {
  const { sites, watch } = beside;
  const find = (name: string): Tensor => {
    const found = weights.get(name);
    if (!found) throw new Error(`internal: the model has no weight named ${name}`);
    return found;
  };
  const use = ({ weight, bias, ...about }: Omit<WeightUse, "output">, output: Tensor): Tensor => {
    watch?.({ ...about, output, weight: prefix + weight, ...(bias ? { bias: prefix + bias } : {}) });
    return output;
  };
  return {
    get: (name) => find(prefix + name),
    at: (rest) => viewOf(weights, `${prefix}${rest}.`, beside),
    isMore: (name) => watch !== undefined || sites?.has(prefix + name) === true,
    use,
    norm: (input) => {
      const output = layerNorm(input, find(`${prefix}weight`), find(`${prefix}bias`), normEpsilon);
      return use({ kind: "norm", weight: "weight", bias: "bias", input }, output);
    },
    linear: (x, { rows, ...names }) => {
      const site = prefix + names.weight;
      const [weight, bias, adapter] = [find(site), find(prefix + names.bias), sites?.get(site)];
      const some = rows ? { rows } : {};
      if (adapter) return adapter.apply(x, { weight, bias, own: (name) => find(adapterName(site, name)), ...some });
      const output = rows ? linear(x, slice(weight, 0, ...rows), slice(bias, 0, ...rows)) : linear(x, weight, bias);
      return use({ kind: "linear", ...names, input: x, ...some }, output);
    },
  };
}
