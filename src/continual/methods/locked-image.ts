import { z } from "zod";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary: "The image tower is frozen; the text tower learns, and logit_scale with it.",
  source: "arXiv:2111.07991 (LiT)",
  options: z.strictObject({}),
  build: () => ({
    budget: { learns: { image: { kind: "none" }, text: { kind: "all" } }, published: "locked-image" },
    trainable: (name) => !name.startsWith("visual."),
  }),
});
