import type { Tensor } from "../engine/tensor.ts";
import { Catalog, type Component } from "../util/component.ts";

/** What a contrastive loss sees: the whole joined batch, B pairs. */
export interface ObjectiveInput {
  /** Unit-length features [B, E], float32. */
  readonly image: Tensor;
  readonly text: Tensor;
  /** exp(logit_scale), a scalar. */
  readonly scale: Tensor;
  readonly bias?: Tensor;
  /** Pairs (i, j), i ≠ j, written i · B + j, that are not negatives of each other. */
  readonly excluded?: readonly number[];
  /**
   * Gathered form: this process answers for the pairs `from` … `to` (exclusive) alone, against the features of all.
   * The mean over processes of equal share is the loss of the whole batch.
   */
  readonly share?: { readonly from: number; readonly to: number };
}

export interface ObjectiveDefinition extends Component {
  /** A scalar whose gradient reaches features, scale and bias. */
  loss(input: ObjectiveInput): Tensor;
  /**
   * Sum over all pairs of each one's own loss, ½ (its image among all texts + its text among all images), where the other pairs' features are fixed; `scale` is one for each pair, [B, 1].
   * Absent: the pairs are asked one by one, each as a share.
   */
  ownLosses?(input: Omit<ObjectiveInput, "share">): Tensor;
}

export const objectives = new Catalog<ObjectiveDefinition>("objective", [new URL("./objectives/", import.meta.url)]);
