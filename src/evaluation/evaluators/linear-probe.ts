import { z } from "zod";
import type { DataSource } from "../../data/source.ts";
import { indexSelect, slice } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import { EvergreenError } from "../../util/errors.ts";
import { createRandom, type Random } from "../../util/random.ts";
import { classLabels } from "../class-labels.ts";
import { classificationMeasurements, createClassificationCounts } from "../classification-metrics.ts";
import type { EvaluatorDefinition } from "../evaluator.ts";
import { drawnOfEach, heldBack } from "../held-back.ts";
import {
  fitLogistic,
  type LinearClassifier,
  labelled,
  logitsOf,
  meanCrossEntropy,
  releaseFeatures,
  type Samples,
} from "../logistic-regression.ts";
import { searchPenalty } from "../penalty-search.ts";

const options = z.strictObject({
  shots: z.int().min(1).optional().describe("training samples of each class, drawn by the seed; all when absent"),
  l2: z
    .union([z.literal("sweep"), z.number().gt(0)])
    .default("sweep")
    .describe("penalty of the weights, or the one that does best on a fifth of the training samples"),
  seed: z.int().min(0).default(0).describe("of the shots, and of the split that a sweep makes"),
});

interface FitOptions {
  readonly classes: number;
  readonly l2: number;
  readonly start: Float64Array | undefined;
}

/** Largest entry of the gradient at which a fit of the sweep ends; the last fit goes on to a tenth of it. */
const sweepTolerance = 1e-4;
/** Test images scored at a time. */
const block = 1024;

/**
 * After a sweep the penalty that did best on the fifth held back is used for a fit to all samples. Classes of the list without a training sample are never predicted.
 */
const linearProbe: EvaluatorDefinition<typeof options> = {
  summary: "Linear probe: a linear classifier on image embeddings of unit length, fitted to the set's training samples.",
  source: "arXiv:2103.00020, appendix A.3; on normalised embeddings with CLIP_benchmark's metric names",
  options,
  tasks: ["classification"],
  benchmark: { task: "linear_probe", metrics: { lp_acc1: "acc1", lp_acc5: "acc5", lp_mean_per_class_recall: "mean_per_class_recall" } },
  fits: true,
  evaluate: (model, source, { shots, l2, seed }) =>
    scope(() => {
      const random = createRandom(seed);
      const known = new Set(source.classNames);
      const pool = source.records("train").filter(({ className }) => known.has(className ?? ""));
      const labels = classLabels(source, pool);
      const drawn =
        shots === undefined ? labels.keys() : drawnOfEach(random, labels, { purpose: `probe/shots/${source.name}`, count: shots });
      const used = [...drawn];
      const present = [...new Set(used.map((item) => labels[item] ?? 0))].sort((a, b) => a - b);
      const numberOf = new Map(present.map((label, number) => [label, number]));
      const train: Samples = {
        features: model.images(used.flatMap((item) => pool[item] ?? [])),
        labels: used.map((item) => numberOf.get(labels[item] ?? 0) ?? 0),
      };
      const swept = l2 === "sweep" ? sweep(train, { random, set: source.name, classes: present.length }) : { l2, start: undefined };
      const classifier = classifierOf(train, { classes: present.length, ...swept });
      const records = source.records("test");
      const counts = createClassificationCounts(source.classNames.length);
      const truth = classLabels(source, records);
      const images = model.images(records);
      for (let from = 0; from < records.length; from += block) {
        const to = Math.min(records.length, from + block);
        const logits = scope(() => logitsOf(slice(images, 0, from, to), classifier, present.length));
        counts.add(spread(logits, present, source.classNames.length), truth.slice(from, to));
      }
      const measured = classificationMeasurements(counts.metrics(), records.length);
      return {
        headline: "lp_acc1",
        measurements: measured.map((each) => ({ ...each, metric: `lp_${each.metric}` })),
        outcomes: [{ metric: "lp_acc1", flags: counts.outcomes() }],
        settings: {
          fewshot_k: shots ?? -1,
          l2: swept.l2,
          l2_from: l2 === "sweep" ? "sweep" : "given",
          seed,
          train_samples: used.length,
          iterations: classifier.iterations,
          converged: classifier.converged,
        },
      };
    }),
};
export default linearProbe;

/** The penalty with the best accuracy on the part held back, of equal ones the lowest cross entropy, and its weights to start from. */
function sweep(
  { features, labels }: Samples,
  { random, set, classes }: { readonly random: Random; readonly set: DataSource["name"]; readonly classes: number },
): Pick<FitOptions, "l2" | "start"> {
  return scope(() => {
    const held = heldBack(random, labels, `probe/validation/${set}`);
    if (!held.includes(1)) throw nothingHeldBack(set);
    const part = (flag: number): Samples => {
      const items = [...labels.keys()].filter((item) => held[item] === flag);
      return { features: indexSelect(features, 0, tensor(items, [items.length], "int64")), labels: items.map((item) => labels[item] ?? 0) };
    };
    const [train, validation] = [labelled(part(0), classes), part(1)];
    try {
      const best = searchPenalty((l2, before: LinearClassifier | undefined) => {
        const result = fitLogistic(train, { l2, tolerance: sweepTolerance, ...(before ? { start: before.at } : {}) });
        const logits = logitsOf(validation.features, result, classes);
        const counts = createClassificationCounts(classes);
        counts.add(logits, validation.labels);
        return { score: [counts.metrics()?.acc1 ?? 0, -meanCrossEntropy(logits, validation.labels, classes)], result };
      });
      return { l2: 10 ** best.exponent, start: best.result.at };
    } finally {
      releaseFeatures(train);
    }
  });
}

const nothingHeldBack = (set: string): EvergreenError =>
  new EvergreenError(`${set}: no class has two training samples, so none can be held back to choose the penalty by`, {
    code: "EG-4212",
    exit: "data",
    fix: "give the penalty a number (l2: 0.01), or take more shots",
  });

function classifierOf(samples: Samples, { classes, l2, start }: FitOptions): LinearClassifier {
  const data = labelled(samples, classes);
  try {
    return fitLogistic(data, { l2, tolerance: sweepTolerance / 10, ...(start ? { start } : {}) });
  } finally {
    releaseFeatures(data);
  }
}

/** Logits [N, classes with samples] among those of all classes: the others score −∞. */
function spread(logits: Float64Array, present: readonly number[], classes: number): Float64Array {
  const scores = new Float64Array((logits.length / present.length) * classes).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < logits.length; i++) {
    const item = Math.floor(i / present.length);
    scores[item * classes + (present[i % present.length] ?? 0)] = logits[i] as number;
  }
  return scores;
}
