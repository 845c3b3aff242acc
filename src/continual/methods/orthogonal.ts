import { z } from "zod";
import { reshape, to } from "../../engine/ops.ts";
import { release, scope } from "../../engine/scope.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import { extendedBasis, inputBatches, inputProducts, withoutRows } from "../input-basis.ts";
import { defineMethod } from "../method.ts";

type Memory = { readonly bases: Weights };

export default defineMethod({
  summary:
    "Gradient projection memory: gradients of linear layers (of the towers' blocks and the patches) lose what would change the layers' outputs on earlier tasks' inputs. Memory is bounded by the layers' widths, not by the number of tasks. Other parameters learn freely, and an optimizer that rescales entries bends the directions.",
  source: "arXiv:2103.09762, §4",
  when: "Nothing of earlier tasks may be lost, and there is room left to learn in.",
  cost: "A projection of each linear layer's gradient each step; forward passes over max_samples and a decomposition for each layer at a task's end; bases as wide as the layers at most.",
  options: z.strictObject({
    threshold: z
      .number()
      .min(0)
      .max(1)
      .default(0.97)
      .describe(
        "share of the squared length of a layer's inputs that the directions kept of them hold: the higher, the less is forgotten and the less can be learned",
      ),
    maxSamples: z.int().min(1).default(512).describe("samples of the task whose inputs are looked at, at most"),
  }),
  build: ({ threshold, maxSamples }) => ({
    budget: { learns: "metered", batchesAtTaskEnd: inputBatches(maxSamples) },
    init: (): Memory => ({ bases: new Map() }),
    gradients: (gradients, _, { bases }: Memory) =>
      new Map(
        [...gradients].map(([name, gradient]) => {
          const basis = bases.get(name);
          return [name, basis ? scope(() => edited(gradient, basis)) : gradient];
        }),
      ),
    async endTask(task, { bases }: Memory): Promise<Memory> {
      const products = await inputProducts(task, maxSamples);
      const next = new Map([...products].map(([name, sums]) => [name, scope(() => extendedBasis(bases.get(name), sums, threshold))]));
      release(products);
      return { bases: new Map([...bases, ...next]) };
    },
  }),
});

/** A gradient as a matrix, its first axis the outputs, without what of its rows lies in the span of a basis. */
const edited = (gradient: Tensor, basis: Tensor): Tensor =>
  reshape(withoutRows(reshape(to(gradient, "float32"), [gradient.shape[0] ?? 0, -1]), basis), gradient.shape);
