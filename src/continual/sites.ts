import { z } from "zod";
import { concat, linear, slice, toDevice, zeros } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { blockCounts } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import { type AdaptedCall, type Adapter, type Adapters, adapterName } from "../nn/adapter.ts";
import { EvergreenError } from "../util/errors.ts";
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

/** Whether the sites are those of arXiv:2408.14471's table, whose closed forms and memories are of no others. */
export const arePublished = ({ targetModules: targets, blocks }: SiteOptions): boolean =>
  [...targets].sort().join() === "k,proj,q,v" && blocks.image === "all" && blocks.text === "all";

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

/**
 * The sites of a model with transformer towers, image tower first, block by block. A tower of another kind has none.
 * @throws {EvergreenError} for a block that a tower does not have, and where the options leave no site at all.
 */
export function sitesOf(model: Clip, options: SiteOptions): readonly Site[] {
  const sites = blockSitesOf(model, options);
  const { vision, text } = blockCounts(model.config);
  const isVit = model.config.vision.kind === "vit";
  const counts = [
    [options.blocks.image, isVit ? vision : 0],
    [options.blocks.text, text],
  ] as const;
  const isBeyond = counts.some(([blocks, count]) => blocks !== "all" && blocks.some((block) => block >= count));
  if (sites.length > 0 && !isBeyond) return sites;
  const image = isVit ? `${vision} blocks` : "no transformer blocks (it is a ResNet)";
  throw new EvergreenError(
    `adapters: ${isBeyond ? "a block that is not there" : "no layer to stand beside"}: blocks: {image: ${blockText(options.blocks.image)}, text: ${blockText(options.blocks.text)}}, and the model's image tower has ${image}, its text tower ${text} blocks, counted from 0`,
    { code: "EG-3107", exit: "config", fix: "name blocks that the towers have, or leave blocks out to adapt all of them" },
  );
}

const blockText = (blocks: "all" | readonly number[]): string => (blocks === "all" ? "all" : `[${blocks.join(", ")}]`);

function blockSitesOf({ config, weights }: Clip, options: SiteOptions): readonly Site[] {
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

/** Output rows `from` … `to` (exclusive) of a site that are one of its parts, or lie between parts. */
interface Segment {
  readonly from: number;
  readonly to: number;
  readonly part?: string;
}

/** The segments of some rows of a site, in order; rows begin and end where parts do. */
function segmentsOf({ parts, outputs }: Site, rows: readonly [from: number, to: number] = [0, outputs]): readonly Segment[] {
  const [first, last] = rows;
  const within = parts.filter(({ from, to }) => from >= first && to <= last);
  const segments: Segment[] = [];
  let at = first;
  for (const { name, from, to } of within) {
    if (from > at) segments.push({ from: at, to: from });
    segments.push({ from, to, part: name });
    at = to;
  }
  return last > at ? [...segments, { from: at, to: last }] : segments;
}

/** x [M, K] through a site, segment by segment, [M, rows]: `part` computes those that are adapted, from their own rows of weight and bias. */
export function applyParts(
  site: Site,
  { x, layer }: { readonly x: Tensor; readonly layer: AdaptedCall },
  part: (name: string, own: { readonly weight: Tensor; readonly bias?: Tensor }) => Tensor,
): Tensor {
  const outputs = segmentsOf(site, layer.rows).map(({ from, to, part: name }) => {
    const cut = (of: Tensor): Tensor => (to - from === site.outputs ? of : slice(of, 0, from, to));
    const weight = cut(layer.weight);
    const bias = layer.bias && cut(layer.bias);
    return name === undefined ? linear(x, weight, bias) : part(name, { weight, ...(bias ? { bias } : {}) });
  });
  return outputs.length === 1 ? (outputs[0] as Tensor) : concat(outputs, 1);
}

/** A site's weight [N, K] with that of each part made anew. */
export function foldParts(site: Site, weight: Tensor, part: (name: string, weight: Tensor) => Tensor): Tensor {
  const rows = segmentsOf(site).map(({ from, to, part: name }) => {
    const cut = to - from === site.outputs ? weight : slice(weight, 0, from, to);
    return name === undefined ? cut : part(name, cut);
  });
  return rows.length === 1 ? (rows[0] as Tensor) : concat(rows, 0);
}

/** Names of the parts among some rows of a site, in order. */
export const partsWithin = (site: Site, rows: AdaptedCall["rows"]): readonly string[] =>
  segmentsOf(site, rows).flatMap(({ part }) => part ?? []);

/** Uniform numbers in ±bound on a tensor's device, drawn in order; where tensors are shapes alone, nothing is drawn. */
export function uniformTensor(draws: Draws, shape: readonly number[], at: { readonly bound: number; readonly like: Tensor }): Tensor {
  if (at.like.device === "meta") return zeros(shape, "float32", "meta");
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
