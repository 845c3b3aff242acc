import type { z } from "zod";
import type { Tensor, Weights } from "../engine/tensor.ts";
import { Catalog, type Component } from "../util/component.ts";

/** A parameter as the optimizer moves it. */
export interface Slot {
  readonly name: string;
  /** float32, changed in place: the optimizer owns it. */
  readonly weight: Tensor;
  /** Lower-precision copy that the forward pass reads; rewritten at each step. */
  readonly copy?: Tensor;
  readonly learningRate: number;
  readonly decay: number;
}

/** Moments by kind and parameter; a checkpoint holds them as they are. */
export type OptimizerState = Readonly<Record<string, Weights>>;

export interface OptimizerDefinition<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** Moments before the first step. They live until they are released. */
  init(weights: Weights, options: z.output<S>): OptimizerState;
  /**
   * Moves every slot by its gradient times `scale` (clipping), in place.
   * @param step Counts from 1 since the moments were made.
   */
  step(
    slots: readonly Slot[],
    gradients: readonly Tensor[],
    state: OptimizerState,
    at: { readonly step: number; readonly scale: Tensor; readonly options: z.output<S> },
  ): void;
}

export const optimizers = new Catalog<OptimizerDefinition>("optimizer", [new URL("./optimizers/", import.meta.url)]);
