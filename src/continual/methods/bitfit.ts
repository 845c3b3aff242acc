import { z } from "zod";
import { defineMethod } from "../method.ts";
import { selecting, selectionOptions, vectorsBudget } from "../selection.ts";

export default defineMethod({
  summary: "Bias tuning: the biases of attention, perceptrons and norms learn, everything else is frozen.",
  source: "arXiv:2106.10199",
  options: z.strictObject(selectionOptions),
  build: (options) => ({ budget: vectorsBudget("bitfit", options), trainable: selecting((name) => /(^|[._])bias$/.test(name), options) }),
});
