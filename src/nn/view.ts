import type { Tensor } from "../engine/tensor.ts";

/** Weights as a forward pass asks for them: by the rest of their name. */
export interface View {
  get(name: string): Tensor;
  /** The weights below a dotted prefix. */
  at(prefix: string): View;
}

/** A view of weights by full name. */
export function viewOf(weights: ReadonlyMap<string, Tensor>, prefix = ""): View {
  return {
    get: (name) => {
      const found = weights.get(prefix + name);
      if (!found) throw new Error(`internal: the model has no weight named ${prefix}${name}`);
      return found;
    },
    at: (rest) => viewOf(weights, `${prefix}${rest}.`),
  };
}
