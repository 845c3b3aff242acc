import { z } from "zod";
import { add, linear, matmul, mulNumber, slice, zeros } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { defineMethod } from "../method.ts";
import { adaptersAt, learnsBeside, lowRank, type Site, siteDraws, siteOptions, sitesOf, uniformTensor } from "../sites.ts";

export default defineMethod({
  summary: "Low-rank adapters: each adapted weight W becomes W + s·B A with A [r, K], B [N, r]; everything else is frozen.",
  source: "arXiv:2106.09685; scale α/√r of rsLoRA arXiv:2312.03732; rate ratio of LoRA+ arXiv:2402.12354",
  options: z.strictObject({
    r: z.int().min(1).default(16).describe("rank"),
    loraAlpha: z.number().positive().optional().describe("numerator of the scale; r when absent"),
    rslora: z.boolean().default(false).describe("scale lora_alpha/√r in place of lora_alpha/r"),
    loraPlus: z.number().positive().default(1).describe("rate of B over that of A"),
    init: z
      .enum(["peft", "published"])
      .default("peft")
      .describe("bound of A: 1/√K as PEFT, or √(6/((1 + r)·K)) as arXiv:2408.14471's code"),
    ...siteOptions,
  }),
  build({ r, loraAlpha = r, rslora, loraPlus, init, ...sites }) {
    const scale = loraAlpha / (rslora ? Math.sqrt(r) : r);
    return {
      adapt: (model, { task, random }) =>
        adaptersAt(sitesOf(model, sites), {
          own: (site, index) => {
            const like = model.weights.get(site.weight) as Tensor;
            const bound = init === "peft" ? 1 / Math.sqrt(site.inputs) : Math.sqrt(6 / ((1 + r) * site.inputs));
            return Object.fromEntries(
              site.parts.flatMap(({ name, from, to }, part) => [
                [`${name}.lora_A`, uniformTensor(siteDraws(random, { task, index, part }), [r, site.inputs], { bound, like })],
                [`${name}.lora_B`, zeros([to - from, r], "float32", like.device)],
              ]),
            );
          },
          adapter: (site) => loraAdapter(site, scale),
        }),
      trainable: learnsBeside(sites),
      group: (name) => (name.endsWith(".lora_B") ? { rate: loraPlus } : {}),
    };
  },
});

/** x Wᵀ + s·(x Aᵀ) Bᵀ. */
function loraAdapter(site: Site, scale: number): Adapter {
  return {
    apply(x, { weight, bias, own, rows }) {
      const { a, b } = lowRank(site, own);
      const part = (of: Tensor): Tensor => (rows ? slice(of, 0, ...rows) : of);
      const base = linear(x, part(weight), bias && part(bias));
      return add(base, mulNumber(linear(linear(x, a), part(b)), scale));
    },
    fold: ({ weight, own }) => {
      const { a, b } = lowRank(site, own);
      return add(weight, mulNumber(matmul(b, a), scale));
    },
  };
}
