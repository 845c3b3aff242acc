import { noGrad } from "../engine/grad.ts";
import { hostDevice } from "../engine/host.ts";
import { addInto } from "../engine/in-place.ts";
import { eigen, onOneThread } from "../engine/linear-algebra.ts";
import { concat, contiguous, matmul, normalize, reshape, slice, sub, sum, to, toDevice, transpose, zeros } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { item, readFloats, type Tensor, type Weights } from "../engine/tensor.ts";
import { type ComputeWeights, computeWeights, imageTower, textTower } from "../models/clip.ts";
import { pack } from "../models/text-transformer.ts";
import { run } from "../nn/tower.ts";
import type { WeightUse } from "../nn/view.ts";
import type { PairBatch } from "./gradients.ts";
import type { TaskContext } from "./method.ts";
import { usualSize } from "./sample-gradients.ts";

/** Batches that {@link inputProducts} looks at: as short as the samples asked for, where these do not fill one. */
export const inputBatches =
  (maxSamples: number) =>
  ({ samples, batchSize }: { readonly samples: number; readonly batchSize: number }): number => {
    const most = Math.min(maxSamples, samples);
    return most === 0 ? 0 : Math.floor(most / Math.min(batchSize, most));
  };

/** Σ x xᵀ [K, K] over all vectors that the task's samples put into each linear layer that learns, by its weight. They live until they are released. */
export async function inputProducts(task: TaskContext, maxSamples: number): Promise<Weights> {
  const sums = new Map<string, Tensor>();
  const { batchSize, precision, microBatch = usualSize } = task.run;
  for await (const batch of task.batches({ maxSamples, batchSize: Math.min(batchSize, maxSamples) }))
    scope(() => {
      const model = computeWeights(task.model, precision);
      const watching = (most = Number.POSITIVE_INFINITY): ComputeWeights => ({
        ...model,
        watch: (use) => {
          if (use.kind === "linear" && task.learns(use.weight)) addProducts(sums, use, most);
        },
      });
      noGrad(() => through(watching, batch, microBatch));
    });
  return sums;
}

/** @param watching The model; at most so many of the first vectors count. */
function through(watching: (most?: number) => ComputeWeights, { pixels, texts }: PairBatch, microBatch: number): void {
  const [all, images = 0] = [watching(), pixels.shape[0]];
  for (let from = 0; from < images; from += microBatch)
    scope(() => run(imageTower(all, slice(pixels, 0, from, Math.min(images, from + microBatch)))));
  // What fills up a packed batch is nobody's token.
  const tokens = (pack(texts, all.config.text.prompts).ends.at(-1) ?? -1) + 1;
  scope(() => run(textTower(watching(tokens), texts)));
}

function addProducts(sums: Map<string, Tensor>, { weight, input }: WeightUse, most: number): void {
  const width = input.shape.at(-1) ?? 0;
  const known = sums.get(weight);
  const sumOf = known ?? scope(() => keep(zeros([width, width], "float32", input.device)));
  if (!known) sums.set(weight, sumOf);
  scope(() => {
    const all = reshape(input, [-1, width]);
    const own = to(slice(all, 0, 0, Math.min(all.shape[0] ?? 0, most)), "float32");
    addInto(sumOf, matmul(transpose(own, 0, 1), own));
  });
}

/**
 * An orthonormal basis [K, r] extended by the fewest directions with which it holds a share of Σ ‖x‖² of new inputs; the basis itself, as a copy, where it holds so much already.
 * @param products Σ x xᵀ of the new inputs.
 */
export function extendedBasis(basis: Tensor | undefined, products: Tensor, share: number): Tensor {
  const outside = basis ? withoutRows(transpose(withoutRows(products, basis), 0, 1), basis) : products;
  const found = directions(products, outside, share); // [K, count]
  if (!basis) return found;
  // Rounding leaves a little of the old directions in the new ones.
  const fresh = transpose(normalize(withoutRows(transpose(found, 0, 1), basis)), 0, 1);
  return concat([basis, fresh], 1);
}

/** The fewest directions of `outside`, largest first, that hold what a share of all is short of. */
function directions(products: Tensor, outside: Tensor, share: number): Tensor {
  const [width = 0] = products.shape;
  // On shapes alone nobody knows how many there will be: half of the most there can be are counted.
  if (products.device === "meta") return zeros([width, Math.ceil(width / 2)], "float32", products.device);
  const total = trace(products);
  const { values, vectors } = onOneThread(() => eigen(to(toDevice(outside, hostDevice), "float64")));
  const rising = readFloats(to(values, "float32"));
  let held = total - trace(outside);
  let count = 0;
  while (count < width && held < share * total && (rising[width - 1 - count] ?? 0) > 0) {
    held += rising[width - 1 - count] ?? 0;
    count += 1;
  }
  return toDevice(contiguous(to(slice(vectors, 1, width - count, width), "float32")), products.device);
}

/** Rows [N, K] less what of them lies in the span of a basis [K, r]. */
export const withoutRows = (rows: Tensor, basis: Tensor): Tensor => sub(rows, matmul(matmul(rows, basis), transpose(basis, 0, 1)));

function trace(matrix: Tensor): number {
  const [width = 0] = matrix.shape;
  return scope(() => {
    const diagonal = reshape(matrix, [-1]);
    const every = reshape(slice(diagonal, 0, 0, width * width - 1), [width - 1, width + 1]);
    const first = sum(slice(every, 1, 0, 1));
    return item(first) + item(slice(diagonal, 0, width * width - 1, width * width));
  });
}
