import { z } from "zod";
import type { DataSource } from "../../data/source.ts";
import { indexSelect, linear, meanOver, normalize, reshape, slice } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../engine/tensor.ts";
import type { Measurement } from "../../runs/measurement.ts";
import { EvergreenError } from "../../util/errors.ts";
import { createCalibration } from "../calibration.ts";
import { createClassificationCounts } from "../classification-metrics.ts";
import type { Embedder, EvaluatorDefinition } from "../evaluator.ts";
import { wilson } from "../intervals.ts";

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
  tasks: ["classification"],
  evaluate: (model, source, { templates }) =>
    scope(() => {
      const records = source.records("test");
      const labelOf = new Map(source.classNames.map((name, label) => [name, label]));
      const labels = records.map((record) => label(labelOf.get(record.className ?? ""), record.id, source.name));
      const classes = classEmbeddings(model, source, templates);
      const images = model.images(records);
      const counts = createClassificationCounts(source.classNames.length);
      const calibration = createCalibration(source.classNames.length, model.scale);
      for (let from = 0; from < records.length; from += block) {
        const to = Math.min(records.length, from + block);
        const cosines = scope(() => readFloats(linear(slice(images, 0, from, to), classes)));
        counts.add(cosines, labels.slice(from, to));
        calibration.add(cosines, labels.slice(from, to));
      }
      const flags = counts.outcomes();
      const error = calibration.error();
      return {
        headline: "acc1",
        measurements: [
          ...measurementsOf(counts.metrics(), records.length),
          ...(error === undefined ? [] : [{ metric: "ece", value: error, unit: "share" as const, samples: records.length }]),
        ],
        outcomes: [{ metric: "acc1", flags }],
      };
    }),
};
export default zeroShot;

function label(found: number | undefined, id: string, set: string): number {
  if (found !== undefined) return found;
  throw new EvergreenError(`${set}: the class of ${id} is not in the set's class list`, {
    code: "EG-4210",
    exit: "data",
    fix: "add the class to the list, or leave the sample out",
  });
}

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

function measurementsOf(
  metrics: ReturnType<ReturnType<typeof createClassificationCounts>["metrics"]>,
  samples: number,
): readonly Measurement[] {
  if (!metrics) return [];
  const share = (metric: string, value: number, sure: boolean): Measurement => {
    const interval = sure ? wilson(Math.round(value * samples), samples) : undefined;
    return { metric, value, unit: "share", samples, ...(interval ? { interval } : {}) };
  };
  return [
    share("acc1", metrics.acc1, true),
    ...(metrics.acc5 === undefined ? [] : [share("acc5", metrics.acc5, true)]),
    share("mean_per_class_recall", metrics.mean_per_class_recall, false),
  ];
}
