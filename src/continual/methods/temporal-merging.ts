import { z } from "zod";
import type { Weights } from "../../engine/tensor.ts";
import { recencies } from "../../merging/shares.ts";
import { importanceBatches } from "../fisher.ts";
import { defineMethod, type Method } from "../method.ts";
import { type Chain, deployed, holdings, measured, passesOf, started, unmerged } from "../temporal.ts";
import { temporalLineage } from "../temporal-lineage.ts";
import { operatorsOf, type TemporalRule } from "../temporal-rule.ts";

const part = z.union([z.string().min(1), z.looseObject({ name: z.string().min(1) })]);
const weight = z.number().min(0).max(1);
const tower = z.strictObject({ operator: part.optional(), weight: weight.optional(), modifier: part.optional() });

/** The hooks of a rule whose operator needs more of an expert than its weights. */
const measuring = (rule: TemporalRule, maxSamples: number): Pick<Method<Chain>, "budget" | "endTask"> => ({
  budget: { batchesAtTaskEnd: importanceBatches(maxSamples) },
  endTask: (task, chain) => measured(rule, task, chain),
});

export default defineMethod({
  summary: "Merges experts over time: where each task starts from and what is shipped are merges of what the tasks left, by any operator.",
  source: "arXiv:2412.06712, §3 (start × deploy); arXiv:2408.14471, §4.3 (EMA-, FT- and ZS-merge); arXiv:2109.01903 (WiSE-FT)",
  when: "Compute is what full fine-tuning takes and no more: the best trade of knowledge and retention in arXiv:2412.06712.",
  cost: "A step as plain fine-tuning; at a task's end one merge for each of start and deploy, over two models or over all (then their files are kept), and two forward passes of at most 64 rows for each.",
  options: z.strictObject({
    start: z
      .enum(["zs", "latest", "unrolled", "all", "anchored"])
      .default("unrolled")
      .describe(
        "what a task starts from: the first weights, the last expert, the chain of merges, a merge of all experts, or the last expert merged with the first weights",
      ),
    deploy: z
      .enum(["latest", "unrolled", "all", "anchored"])
      .default("unrolled")
      .describe("what is evaluated and shipped, in the same words"),
    operator: part.default("linear").describe("a merge operator, by its name or as a map of its name and options"),
    weight: weight
      .optional()
      .describe(
        "share of the old weights where two are merged, which operators of shares must be given: 0 ships the last expert, 1 the first weights; published: 0.85, 0.9, 0.95",
      ),
    base: z.enum(["theta0", "first"]).default("theta0").describe("what the chain begins with: the first weights, or the first expert"),
    recency: z.enum(recencies).default("uniform").describe("shares of a merge of all experts, by age"),
    reverse: z.boolean().default(false).describe("true to favour the oldest"),
    includeBase: z.boolean().default(false).describe("true where a merge of all experts counts the first weights as the oldest of them"),
    modifier: part.optional().describe("a merge modifier, as lines"),
    towers: z
      .strictObject({ image: tower.optional(), text: tower.optional() })
      .optional()
      .describe("operator, weight or modifier of one tower alone, as {text: {operator: ties}}"),
    maxSamples: z.int().min(1).optional().describe("samples of each task that fisher and regmean measure what they need on; only for them"),
    guard: z
      .enum(["warn", "stop"])
      .optional()
      .describe(
        "what a doubtful merge does: warn, only tell; stop, end the run; when absent one that loses what went into it ends the run, and one that leads far away is told of",
      ),
  }),
  build(rule: TemporalRule) {
    const { maxSamples } = rule;
    return {
      holds: (tasks) => holdings(rule, tasks),
      passes: (task) => passesOf(rule, task),
      init: (task): Promise<Chain> => unmerged(rule, task),
      ...(maxSamples === undefined ? {} : measuring(rule, maxSamples)),
      async flow(expert: Weights, task, chain: Chain) {
        const { state, merged, measures } = await deployed(rule, { expert, task, chain });
        const start = await started(rule, { expert, task, merged });
        const operators = await operatorsOf(rule);
        return { deploy: merged(rule.deploy), start, state, lineage: temporalLineage(rule, task.task, { operators, measures }) };
      },
    };
  },
});
