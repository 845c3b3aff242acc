import { z } from "zod";
import { promptsOf, withPrompts } from "../../models/prompts.ts";
import { EvergreenError } from "../../util/errors.ts";
import { defineMethod } from "../method.ts";

const count = z.int().min(0).max(1000);

export default defineMethod({
  summary: "Prompt tuning: learned tokens beside an image's patches and in front of a text's words; everything else is frozen.",
  source:
    "arXiv:2203.12119, eq. 4 (VPT-shallow); arXiv:2109.01134, eq. 2 (CoOp); for CLIP's image tower as in the code of arXiv:2210.03117",
  when: "Weights must not be touched, or must serve others unchanged.",
  cost: "Longer sequences in both towers, backward passes through every layer; moments for the prompts alone.",
  options: z
    .strictObject({
      image: count.default(4).describe("prompts of the image tower, 0 for none; they start at a standard deviation of 0.02"),
      text: count
        .default(4)
        .describe("prompts of the text tower, 0 for none, behind the start token; a text keeps its positions, and is not cut for them"),
      tuneLogitScale: z.boolean().default(false).describe("whether logit_scale learns as well"),
    })
    .refine(({ image, text }) => image + text > 0, "give prompts to one tower at least"),
  build({ image, text, tuneLogitScale }) {
    const learned = new Set([...(image > 0 ? ["visual.prompt_embedding"] : []), ...(text > 0 ? ["prompt_embedding"] : [])]);
    return {
      budget: { learns: { image: { kind: image > 0 ? "prompts" : "none" }, text: { kind: text > 0 ? "prompts" : "none" } } },
      architecture(config) {
        const own = promptsOf(config);
        const asked = { image: image || own.image, text: text || own.text };
        for (const side of ["image", "text"] as const)
          if (own[side] > 0 && own[side] !== asked[side])
            throw new EvergreenError(`prompt-tuning: ${asked[side]} ${side} prompts are asked for, and the model comes with ${own[side]}`, {
              code: "EG-3111",
              exit: "config",
              fix: `set ${side} to ${own[side]} to train these on, or to 0 to leave them as they are`,
            });
        return withPrompts(config, asked);
      },
      trainable: (name) => learned.has(name) || (tuneLogitScale && name.startsWith("logit_")),
    };
  },
});
