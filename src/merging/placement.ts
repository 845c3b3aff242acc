import { blockCounts, type ClipConfig } from "../models/architecture.ts";
import { type StateTensor, stateTensors } from "../models/parameters.ts";
import { sizeOf } from "./entry-reader.ts";
import type { Depth } from "./operator.ts";

/** The towers that are merged apart. */
export const towerNames = ["image", "text"] as const;
export type TowerName = (typeof towerNames)[number];

/** Where a tensor of a model belongs in a merge. */
export interface PlacedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  readonly tower: TowerName;
  /** `parameter`: merged by the tower's operator; `linear`: by its weights alone (logit scale and bias, running statistics); `newest`: the last model's (counters). */
  readonly merged: "parameter" | "linear" | "newest";
  readonly layers: number;
  readonly isInputFirst: boolean;
  readonly depth: Depth;
}

const tables = new Set([
  "token_embedding.weight",
  "positional_embedding",
  "prompt_embedding",
  "visual.prompt_embedding",
  "visual.positional_embedding",
  "visual.attnpool.positional_embedding",
]);
const inputFirst = new Set(["visual.proj", "text_projection"]);
/** What comes behind the last block; the rest outside of the blocks comes before the first. */
const behind = ["visual.ln_post.", "visual.proj", "visual.attnpool.", "ln_final.", "text_projection"];

/** Every tensor of an architecture with its place, in the architecture's order. */
export function placementOf(config: ClipConfig): readonly PlacedTensor[] {
  const counts = blockCounts(config);
  const prefixes = { image: imageBlocks(config), text: textBlocks(config) };
  return stateTensors(config).map((tensor) => {
    const { name, shape } = tensor;
    const tower: TowerName = name.startsWith("visual.") ? "image" : "text";
    const block = prefixes[tower].findIndex((prefix) => name.startsWith(prefix));
    const side = block >= 0 ? "inside" : behind.some((prefix) => name.startsWith(prefix)) ? "after" : "before";
    return {
      name,
      shape,
      size: sizeOf(shape),
      tower,
      merged: mergedAs(tensor),
      layers: layersIn(name, shape),
      isInputFirst: inputFirst.has(name),
      depth: { block: block >= 0 ? block : undefined, blocks: tower === "image" ? counts.vision : counts.text, side },
    };
  });
}

function mergedAs(tensor: StateTensor & { readonly kind: "parameter" | "buffer"; readonly dtype?: string }): PlacedTensor["merged"] {
  if (tensor.dtype === "I64") return "newest";
  return tensor.kind === "buffer" || tensor.name.startsWith("logit_") ? "linear" : "parameter";
}

function layersIn(name: string, shape: readonly number[]): number {
  if (shape.length !== 2 || tables.has(name)) return 0;
  return name.endsWith(".attn.in_proj_weight") ? 3 : 1;
}

function imageBlocks({ vision }: ClipConfig): readonly string[] {
  if (vision.kind === "vit") return Array.from({ length: vision.layers }, (_, i) => `visual.transformer.resblocks.${i}.`);
  return vision.layers.flatMap((blocks, stage) => Array.from({ length: blocks }, (_, i) => `visual.layer${stage + 1}.${i}.`));
}

const textBlocks = ({ text }: ClipConfig): readonly string[] =>
  Array.from({ length: text.layers }, (_, i) => `transformer.resblocks.${i}.`);
