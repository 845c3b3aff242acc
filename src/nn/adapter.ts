import type { Tensor, Weights } from "../engine/tensor.ts";

/** A linear layer as an adapter meets it. */
export interface AdaptedCall {
  /** [N, K], of the model: frozen. */
  readonly weight: Tensor;
  /** [N] */
  readonly bias?: Tensor;
  /** One of the adapter's own parameters. */
  own(name: string): Tensor;
  /** Output rows `from` … `to` (exclusive) of the weight alone are asked for; `weight` and `bias` are whole. */
  readonly rows?: readonly [from: number, to: number];
}

/** What stands in the place of one linear layer while adapters learn. It owns no tensor: its parameters live beside the model's weights. */
export interface Adapter {
  /** x [M, K] to [M, N], or to the rows asked for. */
  apply(x: Tensor, layer: AdaptedCall): Tensor;
  /** The weight [N, K] that gives the same without the adapter, float32. */
  fold(layer: Omit<AdaptedCall, "bias" | "rows">): Tensor;
}

/** Adapters of a model, by the name of the weight that each stands beside. */
export interface Adapters {
  /** Their parameters, `adapter.<weight>.<own name>`, float32. */
  readonly weights: Weights;
  readonly sites: ReadonlyMap<string, Adapter>;
  /** Frozen tensors that sites compute with together. They follow from the seed and are no state: they live and end with the adapters. */
  readonly shared?: readonly Tensor[];
}

/** Where a site's own parameter stands among the weights. */
export const adapterName = (site: string, own: string): string => `adapter.${site}.${own}`;
