import type { Measurement } from "../runs/measurement.ts";
import { wilson } from "./intervals.ts";

/** Zero-shot classification of one data set, as CLIP_benchmark names it; shares in [0, 1]. */
export interface ClassificationMetrics {
  readonly acc1: number;
  /** Undefined below five classes, where it says nothing. */
  readonly acc5: number | undefined;
  /** Mean of the recalls of the classes that occur in the test data. */
  readonly mean_per_class_recall: number;
}

/** Running counts of one data set; logits are looked at once and not kept. */
export interface ClassificationCounts {
  /** Counts a block of test items. `scores` is row-major [items, classes]; a label is an index in the class list, never re-based. */
  add(scores: ArrayLike<number>, labels: ArrayLike<number>): void;
  readonly samples: number;
  /** 1 where the item's first prediction was right, in the order added. */
  outcomes(): Uint8Array;
  /** Undefined while nothing was added. */
  metrics(): ClassificationMetrics | undefined;
}

/** Counts over a class list of the given length. */
export function createClassificationCounts(classes: number): ClassificationCounts {
  const seen = new Float64Array(classes);
  const right = new Float64Array(classes);
  const outcomes: number[] = [];
  let inFirstFive = 0;
  return {
    add(scores, labels) {
      if (scores.length !== labels.length * classes)
        throw new RangeError(`internal: classification: ${scores.length} scores for ${labels.length} items of ${classes} classes`);
      for (let item = 0; item < labels.length; item++) {
        const label = labels[item] as number;
        if (!(label >= 0 && label < classes))
          throw new RangeError(`internal: classification: label ${label} in a list of ${classes} classes`);
        const rank = rankOf(scores, item * classes, { classes, label });
        seen[label] = (seen[label] as number) + 1;
        if (rank === 0) right[label] = (right[label] as number) + 1;
        if (rank < 5) inFirstFive += 1;
        outcomes.push(rank === 0 ? 1 : 0);
      }
    },
    get samples() {
      return outcomes.length;
    },
    outcomes: () => Uint8Array.from(outcomes),
    metrics() {
      const samples = outcomes.length;
      if (samples === 0) return undefined;
      const recalls = [...seen.keys()]
        .filter((label) => seen[label] !== 0)
        .map((label) => (right[label] as number) / (seen[label] as number));
      return {
        acc1: right.reduce((a, b) => a + b, 0) / samples,
        acc5: classes < 5 ? undefined : inFirstFive / samples,
        mean_per_class_recall: recalls.reduce((a, b) => a + b, 0) / recalls.length,
      };
    },
  };
}

/** Classes that come before the label: those that score higher, and equal ones with a lower index. A score that is no number counts as higher, so it is never right. */
function rankOf(scores: ArrayLike<number>, from: number, { classes, label }: { readonly classes: number; readonly label: number }): number {
  const own = scores[from + label] as number;
  let before = 0;
  for (let c = 0; c < classes; c++) {
    if (c === label) continue;
    const other = scores[from + c] as number;
    if (c < label ? !(other < own) : !(other <= own)) before++;
  }
  // A class list of one has nothing to come before a score that is no number.
  return before === 0 && Number.isNaN(own) ? classes : before;
}

/** The metrics as a set's measurements; accuracies with Wilson's interval. None while nothing was counted. */
export function classificationMeasurements(metrics: ClassificationMetrics | undefined, samples: number): readonly Measurement[] {
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
