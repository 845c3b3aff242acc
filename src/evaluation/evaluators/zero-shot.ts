import { z } from "zod";
import type { DataSource } from "../../data/source.ts";
import { indexSelect, meanOver, normalize, reshape } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { createCalibration } from "../calibration.ts";
import { classLabels } from "../class-labels.ts";
import { classificationMeasurements, createClassificationCounts } from "../classification-metrics.ts";
import type { Embedder, EvaluatorDefinition } from "../evaluator.ts";
import { largestSimilarities } from "../largest-similarities.ts";

const options = z.strictObject({
  templates: z.enum(["single", "ensemble"]).default("single").describe("the set's first template, or the mean over all of them"),
});

/** Images scored at a time, so that logits stay small whatever the set's size. */
const block = 1024;

/** Prediction = class whose text embedding is nearest; ties go to the lower index. */
const zeroShot: EvaluatorDefinition<typeof options> = {
  summary: "Zero-shot classification: the class whose prompt is nearest to the image.",
  source: "arXiv:2103.00020, §3.1",
  options,
  takesEnsembles: true,
  tasks: ["classification"],
  benchmark: { task: "zeroshot_classification", metrics: { acc1: "acc1", acc5: "acc5", mean_per_class_recall: "mean_per_class_recall" } },
  evaluate: (model, source, { templates }) =>
    scope(() => {
      const records = source.records("test");
      const labels = classLabels(source, records);
      const similarities = largestSimilarities(model, (each) => ({
        texts: classEmbeddings(each, source, templates),
        images: each.images(records),
      }));
      const counts = createClassificationCounts(source.classNames.length);
      const calibration = createCalibration(source.classNames.length, model.scale);
      for (let from = 0; from < records.length; from += block) {
        const to = Math.min(records.length, from + block);
        const scores = similarities(from, to);
        counts.add(scores, labels.slice(from, to));
        calibration.add(scores, labels.slice(from, to));
      }
      const flags = counts.outcomes();
      const error = calibration.error();
      return {
        headline: "acc1",
        measurements: [
          ...classificationMeasurements(counts.metrics(), records.length),
          ...(error === undefined ? [] : [{ metric: "ece", value: error, unit: "share" as const, samples: records.length }]),
        ],
        outcomes: [{ metric: "acc1", flags }],
      };
    }),
};
export default zeroShot;

/** [K, E] of unit length. */
function classEmbeddings(model: Embedder, source: DataSource, templates: "single" | "ensemble"): Tensor {
  const used = templates === "single" ? source.templates.slice(0, 1) : source.templates;
  const prompts = source.classNames.flatMap((name) => (used.length > 0 ? used : ["{}"]).map((template) => template.replaceAll("{}", name)));
  const distinct = [...new Set(prompts)];
  const place = new Map(distinct.map((prompt, i) => [prompt, i]));
  const rows = prompts.map((prompt) => place.get(prompt) ?? 0);
  const each = indexSelect(model.texts(distinct), 0, tensor(rows, [rows.length], "int64"));
  const perClass = Math.max(1, used.length);
  return perClass === 1 ? each : normalize(meanOver(reshape(each, [source.classNames.length, perClass, -1]), [1]));
}
