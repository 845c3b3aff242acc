import { z } from "zod";
import { concat, toDevice, zeros } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { blockCounts } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import type { Adapter, Adapters } from "../nn/adapter.ts";
import { adapterName } from "../nn/adapter.ts";
import type { Draws, Random } from "../util/random.ts";

/** The linear layers of a residual block, by the words that PEFT's users name them with. */
export const targetModules = ["q", "k", "v", "out", "fc", "proj"] as const;
export type TargetModule = (typeof targetModules)[number];

/** Which layers adapters stand beside. */
export const siteOptions = {
  targetModules: z
    .array(z.enum(targetModules))
    .min(1)
    .default(["q", "k", "v", "proj"])
    .describe("linear layers of every residual block: q, k, v and out of the attention, fc and proj of the perceptron"),
  blocks: z
    .strictObject({
      image: z.union([z.literal("all"), z.array(z.int().min(0))]).default("all"),
      text: z.union([z.literal("all"), z.array(z.int().min(0))]).default("all"),
    })
    .prefault({})
    .describe("blocks of each tower, all or a list of numbers from 0"),
  tuneLogitScale: z.boolean().default(false).describe("whether logit_scale learns as well"),
} as const;

export type SiteOptions = {
  readonly targetModules: readonly TargetModule[];
  readonly blocks: { readonly image: "all" | readonly number[]; readonly text: "all" | readonly number[] };
  readonly tuneLogitScale: boolean;
};

/** A weight that adapters stand beside. q, k and v share one, each with its own rows. */
export interface Site {
  /** Name of the weight [N, K]. */
  readonly weight: string;
  /** Its parts by name: output rows `from` … `to` (exclusive). */
  readonly parts: readonly { readonly name: string; readonly from: number; readonly to: number }[];
  /** K and N. */
  readonly inputs: number;
  readonly outputs: number;
  readonly tower: "image" | "text";
}

/** The sites of a model with transformer towers, image tower first, block by block. A tower of another kind has none. */
export function sitesOf({ config, weights }: Clip, options: SiteOptions): readonly Site[] {
  const counts = blockCounts(config);
  const towers = [
    { tower: "image", prefix: "visual.transformer.resblocks", count: counts.vision },
    { tower: "text", prefix: "transformer.resblocks", count: counts.text },
  ] as const;
  return towers.flatMap(({ tower, prefix, count }) => {
    const wanted = options.blocks[tower];
    return Array.from({ length: count }, (_, i) => i)
      .filter((i) => wanted === "all" || wanted.includes(i))
      .flatMap((i) => blockSites(`${prefix}.${i}`, options.targetModules))
      .flatMap(({ weight, parts }): Site[] => {
        const [rows, inputs] = weights.get(weight)?.shape ?? [];
        if (rows === undefined || inputs === undefined) return [];
        const size = rows / parts.length;
        const named = parts.map((name, at) => ({ name, from: at * size, to: (at + 1) * size }));
        return [
          {
            weight,
            inputs,
            outputs: rows,
            tower,
            parts: named.filter(({ name }) => (options.targetModules as readonly string[]).includes(name)),
          },
        ];
      });
  });
}

function blockSites(
  prefix: string,
  targets: readonly TargetModule[],
): readonly { readonly weight: string; readonly parts: readonly string[] }[] {
  const sites = [
    { weight: `${prefix}.attn.in_proj_weight`, parts: ["q", "k", "v"] },
    { weight: `${prefix}.attn.out_proj.weight`, parts: ["out"] },
    { weight: `${prefix}.mlp.c_fc.weight`, parts: ["fc"] },
    { weight: `${prefix}.mlp.c_proj.weight`, parts: ["proj"] },
  ];
  return sites.filter(({ parts }) => parts.some((part) => (targets as readonly string[]).includes(part)));
}

/** Adapters at some sites: `own` makes a site's parameters by own name, `adapter` what computes with them. */
export function adaptersAt(
  sites: readonly Site[],
  make: { own(site: Site, index: number): Readonly<Record<string, Tensor>>; adapter(site: Site): Adapter },
): Adapters {
  const weights = new Map(
    sites.flatMap((site, index) =>
      Object.entries(make.own(site, index)).map(([name, value]) => [adapterName(site.weight, name), value] as const),
    ),
  );
  return { weights, sites: new Map(sites.map((site) => [site.weight, make.adapter(site)])) };
}

/** Factors of all parts of a site as one product: a [p·r, K], b [N, p·r] with each part's B in its own rows and columns and zeros elsewhere. */
export function lowRank({ parts, outputs }: Site, own: (name: string) => Tensor): { readonly a: Tensor; readonly b: Tensor } {
  const downs = parts.map(({ name }) => own(`${name}.lora_A`));
  const ups = parts.map(({ name }) => own(`${name}.lora_B`));
  const [only] = ups;
  if (only && parts.length === 1 && only.shape[0] === outputs) return { a: downs[0] as Tensor, b: only };
  const widths = downs.map(({ shape }) => shape[0] ?? 0);
  const all = widths.reduce((sum, width) => sum + width, 0);
  const blocks: Tensor[] = [];
  let [row, column] = [0, 0];
  parts.forEach(({ from, to }, i) => {
    const up = ups[i] as Tensor;
    const empty = (rows: number, columns: number): Tensor => zeros([rows, columns], up.dtype, up.device);
    if (from > row) blocks.push(empty(from - row, all));
    blocks.push(concat([empty(to - from, column), up, empty(to - from, all - column - (widths[i] ?? 0))], 1));
    column += widths[i] ?? 0;
    row = to;
    if (i === parts.length - 1 && outputs > to) blocks.push(empty(outputs - to, all));
  });
  return { a: concat(downs, 0), b: concat(blocks, 0) };
}

/** Uniform numbers in ±bound on a tensor's device, drawn in order. */
export function uniformTensor(draws: Draws, shape: readonly number[], at: { readonly bound: number; readonly like: Tensor }): Tensor {
  const entries = new Float32Array(shape.reduce((product, side) => product * side, 1));
  for (let i = 0; i < entries.length; i++) entries[i] = at.bound * (2 * draws.uniform() - 1);
  return toDevice(tensor(entries, shape, "float32"), at.like.device);
}

/** Draws of a site's part. */
export const siteDraws = (random: Random, at: { readonly task: number; readonly index: number; readonly part: number }): Draws =>
  random.at("init/adapter", { task: at.task, index: at.index, step: at.part });

/** Names of adapters' parameters, and of the logit scale where it learns with them. */
export const learnsBeside =
  ({ tuneLogitScale }: SiteOptions) =>
  (name: string): boolean =>
    name.startsWith("adapter.") || (tuneLogitScale && name === "logit_scale");
