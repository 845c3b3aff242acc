import { globPattern } from "../util/glob.ts";
import { MergeError } from "./operator.ts";

/**
 * A model's weight: one number, or numbers by tensor, of which the first whose filter fits counts. A filter is a part of a tensor's name, as in mergekit;
 * one with `*`, which stands for any run of characters, is a pattern of the whole name.
 */
export type ModelWeight = number | readonly { readonly filter?: string; readonly value: number }[];

/** Whether a filter fits a tensor's name. */
const filterFits = (filter: string, tensor: string): boolean =>
  filter.includes("*") ? globPattern(filter).test(tensor) : tensor.includes(filter);

/** A model's weight for a tensor. @throws {MergeError} where no filter of its list fits. */
export function weightFor(weight: ModelWeight, tensor: string, model: number): number {
  if (typeof weight === "number") return weight;
  const found = weight.find(({ filter }) => filter === undefined || filterFits(filter, tensor));
  if (found) return found.value;
  throw new MergeError(`model ${model} has no weight for "${tensor}"`, "end its list with a value that has no filter");
}

/** Refuses filters that fit none of a model's tensors: they would say nothing. @throws {MergeError} */
export function checkFilters(weights: readonly ModelWeight[], tensors: readonly string[]): void {
  for (const [i, weight] of weights.entries())
    for (const { filter } of typeof weight === "number" ? [] : weight)
      if (filter !== undefined && !tensors.some((tensor) => filterFits(filter, tensor)))
        throw new MergeError(
          `filter ${JSON.stringify(filter)} of model ${i + 1} fits no tensor`,
          "name a part of OpenCLIP's names of tensors, as mlp or visual., or a pattern of the whole name, as visual.*",
        );
}
