import type { Weights } from "../engine/tensor.ts";

/** Tables, whose rows are looked up and not multiplied. */
const tables = /(^|\.)(token_embedding\.weight|positional_embedding|class_embedding)$/;
/** What leads out of a tower. */
const heads = /^(visual\.proj|text_projection)$/;

/** Whether a parameter is the matrix of a product: two axes, and no table. */
export const isMatrix = (name: string, shape: readonly number[]): boolean => shape.length === 2 && !tables.test(name);

/** Whether it is one inside of a tower. */
export const isHiddenMatrix = (name: string, shape: readonly number[]): boolean => isMatrix(name, shape) && !heads.test(name);

/** Weights apart by name and shape. */
export function divide(
  weights: Weights,
  belongs: (name: string, shape: readonly number[]) => boolean,
): { readonly chosen: Weights; readonly others: Weights } {
  const entries = [...weights].map((entry) => ({ entry, isChosen: belongs(entry[0], entry[1].shape) }));
  const pick = (wanted: boolean): Weights => new Map(entries.flatMap(({ entry, isChosen }) => (isChosen === wanted ? [entry] : [])));
  return { chosen: pick(true), others: pick(false) };
}
