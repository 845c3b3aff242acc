import { z } from "zod";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary: "The image tower is frozen; the text tower learns, and logit_scale with it.",
  source: "arXiv:2111.07991 (LiT)",
  when: "Image features are stored and must stay comparable, or new names are to be learned and no new looks.",
  cost: "No backward pass of the image tower, as a rule the dearer of the two, and no moments for it.",
  options: z.strictObject({}),
  build: () => ({
    budget: { learns: { image: { kind: "none" }, text: { kind: "all" } }, published: "locked-image" },
    trainable: (name) => !name.startsWith("visual."),
  }),
});
