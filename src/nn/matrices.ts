import { to } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { Slot } from "./optimizer.ts";

/** Tables, whose rows are looked up and not multiplied. */
const tables = /(^|\.)(token_embedding\.weight|positional_embedding|prompt_embedding|class_embedding)$/;
/** What leads out of a tower. */
const heads = /^(visual\.proj|text_projection)$/;

/** Whether a parameter is the matrix of a product: two axes, and no table. */
export const isMatrix = (name: string, shape: readonly number[]): boolean => shape.length === 2 && !tables.test(name);

/** Whether it is one inside of a tower. */
export const isHiddenMatrix = (name: string, shape: readonly number[]): boolean => isMatrix(name, shape) && !heads.test(name);

/** Says of a parameter, by name and shape, whether a rule is for it. */
type Choice = (name: string, shape: readonly number[]) => boolean;

/** Weights apart by a choice. */
export function divide(weights: Weights, isChosen: Choice): { readonly chosen: Weights; readonly others: Weights } {
  const pick = (wanted: boolean): Weights => new Map([...weights].filter(([name, { shape }]) => isChosen(name, shape) === wanted));
  return { chosen: pick(true), others: pick(false) };
}

/** Moves the slots of a choice one by one, each in a scope, by gradients in float32; gives the others with their gradients as they are. */
export function moveChosen(
  slots: readonly Slot[],
  gradients: readonly Tensor[],
  isChosen: Choice,
  move: (slot: Slot, gradient: Tensor) => void,
): { readonly slots: readonly Slot[]; readonly gradients: readonly Tensor[] } {
  const others: { slots: Slot[]; gradients: Tensor[] } = { slots: [], gradients: [] };
  slots.forEach((slot, i) => {
    const gradient = gradients[i] as Tensor;
    if (isChosen(slot.name, slot.weight.shape)) scope(() => move(slot, to(gradient, "float32")));
    else {
      others.slots.push(slot);
      others.gradients.push(gradient);
    }
  });
  return others;
}
