import { z } from "zod";
import { noGrad } from "../../engine/grad.ts";
import { addProduct, addScaled, rowNorms } from "../../engine/linear-algebra.ts";
import { clone, div, linear, mul, reshape, slice, to, transpose } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraHooks, loraOptions, loraParameters, loraPeft, loraScale, lowProducts, lowRankBudget } from "../low-rank.ts";
import { defineMethod } from "../method.ts";
import { adaptersAt, applyParts, foldParts, type Site, siteOptions, sitesOf } from "../sites.ts";

/** Own name of the lengths [N] of a part's rows. */
const magnitude = "lora_magnitude_vector";

export default defineMethod({
  summary: "Weights by length and direction: each row of V = W + s·B A is brought to a length that learns; W is frozen.",
  source: "arXiv:2402.09353, eq. 5, the norm held constant in the backward pass (its §4.3)",
  when: "As lora, where low ranks fall short of full fine-tuning.",
  cost: "As lora, and the lengths of all rows of W + s·B A in every pass; moments for the adapters alone.",
  options: z.strictObject({ ...loraOptions, ...siteOptions }),
  peft: loraPeft(true),
  build(options) {
    const { trainable, group } = loraHooks(options);
    const scale = loraScale(options);
    return {
      budget: lowRankBudget("dora", options),
      adapt: (model, at) =>
        adaptersAt(sitesOf(model, options), {
          own: (site, index) => {
            const lengths = rowNorms(model.weights.get(site.weight) as Tensor);
            const magnitudes = site.parts.map(({ name, from, to }) => [`${name}.${magnitude}`, clone(slice(lengths, 0, from, to))]);
            return { ...loraParameters({ site, index }, options, { ...at, model }), ...Object.fromEntries(magnitudes) };
          },
          adapter: (site) => doraAdapter(site, scale),
        }),
      trainable,
      group,
    };
  },
});

/** f ⊙ (x Wᵀ + s·(x Aᵀ) Bᵀ) + bias of each part, f the rows' lengths over those of V. */
function doraAdapter(site: Site, scale: number): Adapter {
  const factors = (part: string, weight: Tensor, own: (name: string) => Tensor): Tensor => {
    const lengths = noGrad(() => rowNorms(to(addProduct(weight, own(`${part}.lora_B`), own(`${part}.lora_A`), scale), "float32")));
    return div(own(`${part}.${magnitude}`), lengths);
  };
  return {
    apply(x, layer) {
      const lows = lowProducts(site, x, layer);
      return applyParts(site, { x, layer }, (name, { weight, bias }) => {
        const up = transpose(layer.own(`${name}.lora_B`), 0, 1);
        const product = addProduct(linear(x, weight), lows.get(name) as Tensor, up, scale);
        const factor = to(factors(name, weight, layer.own), x.dtype);
        return bias ? addScaled(bias, product, factor) : mul(product, factor);
      });
    },
    fold: ({ weight, own }) =>
      foldParts(site, weight, (name, part) => {
        const whole = addProduct(part, own(`${name}.lora_B`), own(`${name}.lora_A`), scale);
        return mul(whole, reshape(factors(name, part, own), [-1, 1]));
      }),
  };
}
