import { z } from "zod";
import { loraHooks, loraOptions, loraPeft } from "../low-rank.ts";
import { defineMethod } from "../method.ts";
import { siteOptions } from "../sites.ts";

export default defineMethod({
  summary: "Low-rank adapters: each adapted weight W becomes W + s·B A with A [r, K], B [N, r]; everything else is frozen.",
  source: "arXiv:2106.09685; scale α/√r of rsLoRA arXiv:2312.03732; rate ratio of LoRA+ arXiv:2402.12354",
  when: "Memory is short, or tasks are to be shipped as small files that fold into the model.",
  cost: "No gradients of frozen matrices, two thin products for each adapted layer; moments for the adapters alone.",
  options: z.strictObject({ ...loraOptions, ...siteOptions }),
  peft: loraPeft(false),
  build: (options) => loraHooks(options),
});
