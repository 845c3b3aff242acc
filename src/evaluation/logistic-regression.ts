import { grad, requireGrad } from "../engine/grad.ts";
import { concat, crossEntropy, full, matmul, slice, to, transpose } from "../engine/ops.ts";
import { keep, release, scope } from "../engine/scope.ts";
import { item, read, type Tensor, tensor } from "../engine/tensor.ts";
import { type LbfgsOptions, type Minimum, minimise } from "./lbfgs.ts";

/** Features with their classes, as a fit takes them; released by its owner. */
export interface LabelledFeatures {
  /** float64 [N, E + 1]: a column of ones stands for the bias. */
  readonly rows: Tensor;
  /** int64 [N]. */
  readonly labels: Tensor;
  readonly items: number;
  readonly classes: number;
}

/** Weights [K, E + 1], row by row, biases last. */
export type LinearClassifier = Minimum;

/** Entries of a block of logits, so that memory stays small whatever the number of items. */
const blockEntries = 2 ** 22;

/** Features [N, E] with class numbers from 0. */
export interface Samples {
  readonly features: Tensor;
  readonly labels: readonly number[];
}

/** Samples as a fit takes them, kept until they are released with {@link releaseFeatures}. */
export function labelled({ features, labels }: Samples, classes: number): LabelledFeatures {
  const items = labels.length;
  return scope(() =>
    keep({
      rows: withOnes(features),
      labels: tensor(labels, [items], "int64"),
      items,
      classes,
    }),
  );
}

/** Frees what {@link labelled} made. */
export function releaseFeatures({ rows, labels }: LabelledFeatures): void {
  release([rows, labels]);
}

/**
 * Multinomial logistic regression by full-batch L-BFGS in float64: the minimum of mean cross entropy + l2/2 · ‖W‖², biases not penalised. In
 * scikit-learn's terms C = 1/(N · l2). `start` is another fit's weights, zero when absent; with l2 > 0 the minimum does not depend on it.
 */
export function fitLogistic(
  data: LabelledFeatures,
  { l2, start, ...options }: LbfgsOptions & { readonly l2: number; readonly start?: Float64Array },
): LinearClassifier {
  const width = data.rows.shape[1] ?? 0;
  const from = start ?? new Float64Array(data.classes * width);
  return minimise((at) => penalised(data, at, l2), from, options);
}

/** Logits of features [N, E]: row-major [N, K]. */
export function logitsOf(features: Tensor, { at }: Pick<LinearClassifier, "at">, classes: number): Float64Array {
  return scope(() => {
    const rows = withOnes(features);
    return read(matmul(rows, transpose(tensor(at, [classes, rows.shape[1] ?? 0], "float64"), 0, 1))) as Float64Array;
  });
}

/** Mean of −log softmax at the labels; logits are row-major [N, K]. */
export function meanCrossEntropy(logits: ArrayLike<number>, labels: readonly number[], classes: number): number {
  let sum = 0;
  for (const [item, label] of labels.entries()) {
    const start = item * classes;
    let highest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) highest = Math.max(highest, logits[start + k] as number);
    let total = 0;
    for (let k = 0; k < classes; k++) total += Math.exp((logits[start + k] as number) - highest);
    sum += highest + Math.log(total) - (logits[start + label] as number);
  }
  return sum / labels.length;
}

/** float64 [N, E + 1]. */
function withOnes(features: Tensor): Tensor {
  return concat([to(features, "float64"), full([features.shape[0] ?? 0, 1], 1, "float64", features.device)], 1);
}

function penalised(data: LabelledFeatures, at: Float64Array, l2: number): { readonly value: number; readonly gradient: Float64Array } {
  const { rows, labels, items, classes } = data;
  const width = rows.shape[1] ?? 0;
  const gradient = new Float64Array(at.length);
  let value = 0;
  const block = Math.max(1, Math.floor(blockEntries / classes));
  for (let from = 0; from < items; from += block) {
    const to = Math.min(items, from + block);
    const part = crossEntropyOf(slice(rows, 0, from, to), slice(labels, 0, from, to), { at, classes, width });
    const share = (to - from) / items;
    value += share * part.value;
    for (let i = 0; i < gradient.length; i++) gradient[i] = (gradient[i] as number) + share * (part.gradient[i] as number);
  }
  for (let i = 0; i < at.length; i++) {
    if (i % width === width - 1) continue;
    const weight = at[i] as number;
    value += (l2 / 2) * weight * weight;
    gradient[i] = (gradient[i] as number) + l2 * weight;
  }
  return { value, gradient };
}

function crossEntropyOf(
  rows: Tensor,
  labels: Tensor,
  { at, classes, width }: { readonly at: Float64Array; readonly classes: number; readonly width: number },
): { readonly value: number; readonly gradient: Float64Array } {
  return scope(() => {
    const weights = tensor(at, [classes, width], "float64");
    requireGrad([weights]);
    const loss = crossEntropy(matmul(rows, transpose(weights, 0, 1)), labels);
    const [found] = grad([loss], [weights]);
    if (!found) throw new Error("internal: the loss does not depend on the weights");
    return { value: item(loss), gradient: read(found) as Float64Array };
  });
}
