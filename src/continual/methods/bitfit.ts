import { z } from "zod";
import { defineMethod } from "../method.ts";
import { selecting, selectionOptions, vectorsBudget } from "../selection.ts";

export default defineMethod({
  summary: "Bias tuning: the biases of attention, perceptrons and norms learn, everything else is frozen.",
  source: "arXiv:2106.10199",
  when: "Memory is short, or a task is to move the model but little.",
  cost: "No gradients of weight matrices: less than plain fine-tuning, and moments for the biases alone.",
  options: z.strictObject(selectionOptions),
  build: (options) => ({ budget: vectorsBudget("bitfit", options), trainable: selecting((name) => /(^|[._])bias$/.test(name), options) }),
});
