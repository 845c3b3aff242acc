import { z } from "zod";
import { addProduct } from "../../engine/linear-algebra.ts";
import { linear, transpose } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraOptions, loraParameters, loraPeft, loraScale, lowRankBudget } from "../low-rank.ts";
import { defineMethod } from "../method.ts";
import { adaptersAt, applyParts, downProducts, foldParts, learnsBeside, partsWithin, type Site, siteOptions, sitesOf } from "../sites.ts";

export default defineMethod({
  summary: "Low-rank adapters: each adapted weight W becomes W + s·B A with A [r, K], B [N, r]; everything else is frozen.",
  source: "arXiv:2106.09685; scale α/√r of rsLoRA arXiv:2312.03732; rate ratio of LoRA+ arXiv:2402.12354",
  options: z.strictObject({ ...loraOptions, ...siteOptions }),
  peft: loraPeft(false),
  build({ loraPlus, ...options }) {
    const scale = loraScale(options);
    return {
      budget: lowRankBudget("lora", options),
      adapt: (model, at) =>
        adaptersAt(sitesOf(model, options), {
          own: (site, index) => loraParameters({ site, index }, options, { ...at, model }),
          adapter: (site) => loraAdapter(site, scale),
        }),
      trainable: learnsBeside(options),
      group: (name) => (name.endsWith(".lora_B") ? { rate: loraPlus } : {}),
    };
  },
});

/** x Wᵀ + s·(x Aᵀ) Bᵀ of each part. */
function loraAdapter(site: Site, scale: number): Adapter {
  return {
    apply(x, layer) {
      const names = partsWithin(site, layer.rows);
      const downs = downProducts(
        x,
        names.map((name) => layer.own(`${name}.lora_A`)),
      );
      return applyParts(site, { x, layer }, (name, { weight, bias }) => {
        const down = downs[names.indexOf(name)] as Tensor;
        return addProduct(linear(x, weight, bias), down, transpose(layer.own(`${name}.lora_B`), 0, 1), scale);
      });
    },
    fold: ({ weight, own }) =>
      foldParts(site, weight, (name, part) => addProduct(part, own(`${name}.lora_B`), own(`${name}.lora_A`), scale)),
  };
}
