import { z } from "zod";
import { defineMethod } from "../method.ts";
import { selecting, selectionOptions, vectorsBudget } from "../selection.ts";

export default defineMethod({
  summary: "Norm tuning: scale and shift of every layer norm learn, everything else is frozen.",
  source: "arXiv:2408.14471, §4.1 (LNFit)",
  when: "Memory is short, or a task is to move the model but little.",
  cost: "No gradients of weight matrices: less than plain fine-tuning, and moments for the norms alone.",
  options: z.strictObject(selectionOptions),
  build: (options) => ({
    budget: vectorsBudget("lnfit", options),
    trainable: selecting((name) => /(^|\.)ln_[a-z0-9]+\.(weight|bias)$/.test(name), options),
  }),
});
