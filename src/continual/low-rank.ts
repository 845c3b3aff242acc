import { z } from "zod";
import type { AdapterForm } from "../budget/step-flops.ts";
import { addProduct } from "../engine/linear-algebra.ts";
import { concat, linear, slice, transpose, zeros } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import type { AdaptedCall, Adapter } from "../nn/adapter.ts";
import type { Json } from "../util/json.ts";
import type { Random } from "../util/random.ts";
import type { Method, MethodBudget, PeftForm } from "./method.ts";
import {
  adaptersAt,
  applyParts,
  arePublished,
  foldParts,
  learnsBeside,
  partsWithin,
  type Site,
  type SiteOptions,
  siteDraws,
  sitesOf,
  uniformTensor,
} from "./sites.ts";

/** Options of low-rank adapters with factors of their own at every site. */
export const loraOptions = {
  r: z.int().min(1).default(16).describe("rank"),
  loraAlpha: z.number().positive().optional().describe("numerator of the scale; r when absent"),
  rslora: z.boolean().default(false).describe("scale lora_alpha/√r in place of lora_alpha/r"),
  loraPlus: z.number().positive().default(1).describe("rate of B over that of A"),
  init: z.enum(["peft", "published"]).default("peft").describe("bound of A: 1/√K as PEFT, or √(6/((1 + r)·K)) as arXiv:2408.14471's code"),
} as const;

export interface LoraOptions {
  readonly r: number;
  readonly loraAlpha?: number | undefined;
  readonly rslora: boolean;
  readonly init: "peft" | "published";
}

/** Factor of B A. */
export const loraScale = ({ r, loraAlpha = r, rslora }: Omit<LoraOptions, "init">): number => loraAlpha / (rslora ? Math.sqrt(r) : r);

/** Bound of A's uniform entries: Kaiming's with a = √5 as PEFT has it, or with a = √r (arXiv:2408.14471's code). */
export const loraBound = ({ r, init }: Pick<LoraOptions, "r" | "init">, inputs: number): number =>
  init === "peft" ? 1 / Math.sqrt(inputs) : Math.sqrt(6 / ((1 + r) * inputs));

/** What low-rank adapters cost: the closed form of their kind at the published sites, the table's memory at its ranks. */
export const lowRankBudget = (form: AdapterForm, options: SiteOptions & { readonly r: number }): MethodBudget =>
  arePublished(options) ? { learns: { kind: "adapter", form, rank: options.r }, published: `${form}-${options.r}` } : { learns: "metered" };

/** Fresh factors of all parts of a site: `q.lora_A` [r, K], drawn, and `q.lora_B` [N, r], zero. */
export function loraParameters(
  { site, index }: { readonly site: Site; readonly index: number },
  options: LoraOptions,
  at: { readonly model: Clip; readonly task: number; readonly random: Random },
): Readonly<Record<string, Tensor>> {
  const { r } = options;
  const like = at.model.weights.get(site.weight) as Tensor;
  const bound = loraBound(options, site.inputs);
  return Object.fromEntries(
    site.parts.flatMap(({ name, from, to }, part) => [
      [`${name}.lora_A`, uniformTensor(siteDraws(at.random, { task: at.task, index, part }), [r, site.inputs], { bound, like })],
      [`${name}.lora_B`, zeros([to - from, r], "float32", like.device)],
    ]),
  );
}

/** The hooks of plain low-rank adapters, whose parameters stay while tasks go on from the last one's weights. */
export function loraHooks(options: LoraOptions & SiteOptions & { readonly loraPlus: number }) {
  const scale = loraScale(options);
  return {
    budget: lowRankBudget("lora", options),
    adapt: (model, at) =>
      adaptersAt(sitesOf(model, options), {
        own: (site, index) => loraParameters({ site, index }, options, { ...at, model }),
        adapter: (site) => loraAdapter(site, scale),
      }),
    trainable: learnsBeside(options),
    group: (name) => (name.endsWith(".lora_B") ? { rate: options.loraPlus } : {}),
  } satisfies Method;
}

/** x Wᵀ + s·(x Aᵀ) Bᵀ of each part. */
function loraAdapter(site: Site, scale: number): Adapter {
  return {
    apply(x, layer) {
      const lows = lowProducts(site, x, layer);
      return applyParts(site, { x, layer }, (name, { weight, bias }) => {
        const up = transpose(layer.own(`${name}.lora_B`), 0, 1);
        return addProduct(linear(x, weight, bias), lows.get(name) as Tensor, up, scale);
      });
    },
    fold: ({ weight, own }) =>
      foldParts(site, weight, (name, part) => addProduct(part, own(`${name}.lora_B`), own(`${name}.lora_A`), scale)),
  };
}

/** x Aᵀ [M, r] of each part of a site that is asked for, as one product: x is read once. Each is a view. */
export function lowProducts(site: Site, x: Tensor, layer: AdaptedCall): ReadonlyMap<string, Tensor> {
  const names = partsWithin(site, layer.rows);
  const downs = names.map((name) => layer.own(`${name}.lora_A`));
  const [first] = downs;
  if (!first) return new Map();
  if (downs.length === 1) return new Map(names.map((name) => [name, linear(x, first)]));
  const [r = 0] = first.shape;
  const all = linear(x, concat(downs, 0));
  return new Map(names.map((name, i) => [name, slice(all, 1, i * r, (i + 1) * r)]));
}

/** PEFT's LoRA, or its DoRA. */
export const loraPeft = (useDora: boolean): PeftForm<LoraOptions> => ({
  settings: ({ r, loraAlpha = r, rslora }) => ({
    peft_type: "LORA",
    r,
    lora_alpha: loraAlpha,
    lora_dropout: 0,
    use_rslora: rslora,
    use_dora: useDora,
    init_lora_weights: true,
  }),
  options: ({ peft_type: type, r, lora_alpha: loraAlpha, use_rslora: rslora = false, use_dora: isDora = false }) =>
    type === "LORA" && isDora === useDora ? { r: r as Json, loraAlpha: loraAlpha as Json, rslora } : undefined,
});
