import { z } from "zod";
import type { Depth, MergeModifier } from "../operator.ts";

const shapes = { linear: (x: number) => x, quadratic: (x: number) => x * x, sqrt: (x: number) => Math.sqrt(x) } as const;

const options = z.strictObject({
  alpha: z.number().default(0.5).describe("factor of the first block"),
  beta: z.number().default(0.5).describe("what the last block has more"),
  shape: z
    .enum(Object.keys(shapes) as [keyof typeof shapes])
    .default("linear")
    .describe("how the factor rises from the first block to the last"),
  outside: z.enum(["depth", "published"]).default("depth").describe("tensors outside of the blocks: by where they lie, or alpha for all"),
  lambda: z.enum(["combine", "replace"]).default("combine").describe("whether the operator's lambda stays"),
});

export default {
  summary: "Scales the merged task vector block by block: little at the input, where features are shared, all at the output.",
  source: "arXiv:2410.17146, eq. 2; it scales task vectors, never weights",
  options,
  replacesLambda: ({ lambda }) => lambda === "replace",
  factor: (depth, { alpha, beta, shape, outside }) => {
    if (depth.block === undefined) return outside === "published" || depth.side === "before" ? alpha : alpha + beta;
    return alpha + beta * shapes[shape](placeOf(depth.block, depth));
  },
} satisfies MergeModifier<typeof options>;

/** 0 for the first block, 1 for the last; a tower of one block is all output. */
function placeOf(block: number, { blocks }: Depth): number {
  return blocks === 1 ? 1 : block / (blocks - 1);
}
