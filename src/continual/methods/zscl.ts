import { z } from "zod";
import { detach, div, linear, mul, transpose } from "../../engine/ops.ts";
import { keep, release, scope } from "../../engine/scope.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import { learnedSnapshot } from "../anchor.ts";
import { meanWith, refuseAdapters } from "../averaging.ts";
import { distilled, rowsOf } from "../distil.ts";
import { defineMethod, type TaskContext } from "../method.ts";
import { captionsIn, captionsOfFile, captionsOfPretraining } from "../reference-texts.ts";
import { spring } from "../spring.ts";
import { asTeacher, embedTextsUnder, teacherWeights } from "../teacher.ts";

/** The model that the run began with, as far as it is asked: its image tower, and its features of the reference texts [N, E]. */
type References = { readonly tower: Weights; readonly texts: Tensor };
type Memory = {
  readonly references: References | null;
  readonly anchor: Weights;
  readonly average: Weights | null;
  readonly warned: boolean;
};

export default defineMethod({
  summary:
    "ZSCL: pretraining images stay to reference texts what they were to the run's first weights, and a task leaves the mean of its weights.",
  source:
    "arXiv:2303.06628: distillation on reference data, pull to the start, weight ensemble; T² of arXiv:1503.02531 where its code has (T/s)²; a task shorter than we_freq leaves its last weights",
  when: "Pretraining data, or images and texts like it, are at hand: zero-shot retention comes first.",
  cost: "A forward pass of the first image tower over the batch's pretraining rows, whose distillation trains both towers; reference texts are embedded once; up to three more copies of the weights.",
  options: z.strictObject({
    texts: z
      .string()
      .min(1)
      .optional()
      .describe("file of reference texts, one a line, from the run file's folder; captions of the task's pretraining rows when absent"),
    mostTexts: z.int().min(1).default(15_840).describe("reference texts at most; as many as the paper's validation captions of CC-3M"),
    temperature: z.number().positive().default(2).describe("T: logits are divided by it, the terms are multiplied by its square"),
    scaling: z
      .enum(["distillation", "published"])
      .default("distillation")
      .describe("weight of the terms: T², or (T/s)² with s = exp(logit_scale), some 10 000 times less"),
    l2: z.number().min(0).default(1).describe("stiffness of the pull to the task's start: l2 · Σ (θ − θ_start)²"),
    weFreq: z.int().min(1).default(100).describe("steps between two weights of the mean that the task leaves"),
  }),
  build: ({ texts, mostTexts, temperature, scaling, l2, weFreq }) => ({
    budget: {
      learns: "metered",
      textsAtRunStart: (pretraining) =>
        pretraining === 0 ? 0 : Math.min(mostTexts, texts === undefined ? pretraining : captionsIn(texts).length),
    },
    holds: (_, steps) => ({ models: steps < weFreq ? 0 : 1 }),
    init: (): Memory => ({ references: null, anchor: new Map(), average: null, warned: false }),
    async startTask(task, { references, warned }: Memory): Promise<Memory> {
      refuseAdapters("zscl", task.model);
      const isPossible = hasPretraining(task);
      if (!isPossible && !warned) task.warn("EG-3134", noReferences(task));
      const captions = (): readonly string[] =>
        texts === undefined ? captionsOfPretraining(task, mostTexts) : captionsOfFile(texts, mostTexts, task.run);
      return {
        references: references ?? (isPossible ? await referencesOf(task, captions()) : null),
        anchor: learnedSnapshot(task),
        average: null,
        warned: warned || !isPossible,
      };
    },
    contrastive: (role) => role === "update" || role === "buffer",
    // distil(U, V) + distil(Uᵀ, Vᵀ), U and V the logits of reference images and texts, then and now, at the present scale.
    loss({ image, scale, rows, embedImages }, { references }: Memory): Readonly<Record<string, Tensor>> {
      const own = rows.flatMap(({ role }, i) => (role === "pretraining" ? [i] : []));
      if (!references || own.length === 0) return {};
      const held = detach(scale);
      const then = mul(linear(embedImages(references.tower, own), references.texts), held); // [n, N]
      const now = mul(linear(rowsOf(image, own), references.texts), held);
      const weighed = (term: Tensor): Tensor => (scaling === "published" ? div(term, mul(held, held)) : term);
      return {
        images: weighed(distilled(now, then, temperature)),
        texts: weighed(distilled(transpose(now, 0, 1), transpose(then, 0, 1), temperature)),
      };
    },
    penalty(name, weight, { anchor }: Memory) {
      const from = anchor.get(name);
      return from && l2 > 0 ? spring(weight, from, { stiffness: 2 * l2 }) : undefined;
    },
    afterStep({ at, model }, memory: Memory): Memory {
      if ((at.step + 1) % weFreq !== 0) return memory;
      const { anchor, average } = memory;
      return { ...memory, average: meanWith(average ?? anchor, model.weights, (at.step + 1) / weFreq) };
    },
    expert: (trained, _, { average }: Memory) =>
      average ? new Map([...trained].map(([name, weight]) => [name, average.get(name) ?? weight])) : trained,
  }),
});

const hasPretraining = ({ task, steps, seen }: TaskContext): boolean =>
  Array.from({ length: steps }, (_, step) => step).some((step) => seen.roles({ task, step }).includes("pretraining"));

const noReferences = ({ task }: TaskContext): string =>
  `zscl: no row of task ${task + 1} is of the pretraining pool: nothing is distilled, the pull to the task's start and the mean of weights stay; give data.mixture.pretraining a share`;

/** What the run's first weights make of texts, and their image tower. */
async function referencesOf({ model, run, ...task }: TaskContext, captions: readonly string[]): Promise<References> {
  const whole = teacherWeights(await task.origin(), run.precision, model);
  const teacher = asTeacher(whole, run.precision, model);
  const texts = scope(() => keep(embedTextsUnder(teacher, task.tokens(captions), run.microBatch ?? run.batchSize)));
  const ofImages = ([name]: readonly [string, Tensor]): boolean => name.startsWith("visual.") || name === "logit_scale";
  release([...whole].filter((entry) => !ofImages(entry)));
  return { tower: new Map([...whole].filter(ofImages)), texts };
}
