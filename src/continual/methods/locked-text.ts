import { z } from "zod";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary: "The text tower is frozen, and logit_scale with it; the image tower learns.",
  source: "arXiv:2111.07991, the other way round; arXiv:2408.14471, §4.1",
  when: "Prompts and text features must stay, and new looks are to be learned under old names.",
  cost: "No backward pass of the text tower, and no moments for it.",
  options: z.strictObject({}),
  build: () => ({
    budget: { learns: { image: { kind: "all" }, text: { kind: "none" } }, published: "locked-text" },
    trainable: (name) => name.startsWith("visual."),
  }),
});
