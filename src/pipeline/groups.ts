import { blockCounts, type ClipConfig } from "../models/architecture.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { Group } from "../training/step.ts";
import { globPattern } from "../util/glob.ts";

/** Rate and decay of each parameter, or undefined where it does not learn. */
export function groupsOf(spec: RunSpec, config: ClipConfig): (name: string, shape: readonly number[]) => Group | undefined {
  const { lr, wd, decayAppliesTo } = spec.optim;
  const learns = learnsUnder(spec.model.train, config);
  // What stands beside a layer learns where the layer would.
  const siteOf = (name: string): string => name.replace(/^adapter\./, "");
  return (name, shape) => (learns(siteOf(name)) ? { learningRate: lr, decay: decays(decayAppliesTo, name, shape) ? wd : 0 } : undefined);
}

/**
 * Whether weight decay reaches a parameter. `openclip`: tensors of two dimensions and more, embeddings included; `standard`: the same without embeddings;
 * `published`: every one (training.md §10 of the protocol; arXiv:2408.14471's code).
 */
function decays(rule: RunSpec["optim"]["decayAppliesTo"], name: string, shape: readonly number[]): boolean {
  if (rule === "published") return true;
  if (shape.length < 2) return false;
  return rule === "openclip" || !/(^|\.)(token_embedding\.weight|positional_embedding|prompt_embedding)$/.test(name);
}

type Part = RunSpec["model"]["train"]["image"];

function learnsUnder(train: RunSpec["model"]["train"], config: ClipConfig): (name: string) => boolean {
  const blocks = blockCounts(config);
  const image = partOf(train.image, /^visual\.transformer\.resblocks\.(\d+)\./, {
    blocks: blocks.vision,
    after: /^visual\.(ln_post\.|proj$)/,
  });
  const text = partOf(train.text, /^transformer\.resblocks\.(\d+)\./, { blocks: blocks.text, after: /^(ln_final\.|text_projection$)/ });
  return (name) => {
    if (name.startsWith("logit_")) return train.logitScale;
    return name.startsWith("visual.") ? image(name) : text(name);
  };
}

/** `last:N` takes the last N blocks and what comes after them. */
function partOf(part: Part, block: RegExp, tower: { readonly blocks: number; readonly after: RegExp }): (name: string) => boolean {
  if (part === "all") return () => true;
  if (part === "none") return () => false;
  if (typeof part !== "string") {
    const patterns = part.map(globPattern);
    return (name) => patterns.some((pattern) => pattern.test(name));
  }
  const first = tower.blocks - Number(part.slice("last:".length));
  return (name) => tower.after.test(name) || Number(block.exec(name)?.[1] ?? -1) >= first;
}
