import type { Tensor } from "../engine/tensor.ts";
import { cosPi } from "../util/elementary.ts";
import { acosPi, normOf, productOf, sinPi } from "./angle.ts";
import type { MergeInput, Tower } from "./operator.ts";
import { allModels, type Products, productsOf } from "./products.ts";

/** Factors of the models, by tensor. */
export type Coefficients = ReadonlyMap<string, readonly number[]>;

/** Beyond this cosine, and below this norm, directions are too near or too short to turn between. */
const parallel = 0.9995;
const smallest = 1e-8;

/** Factors for the mean on the sphere of each tensor; one pass over the files. */
export function planSpherical(tower: Tower): Coefficients {
  const products = productsOf(tower, allModels);
  const opposite: string[] = [];
  const factors = tower.tensors.map(({ name, weights }): [string, readonly number[]] => {
    const found = sphericalMean(products.get(name) ?? [], weights);
    if (found === "opposite") opposite.push(name);
    return [name, found === "opposite" ? weights : found];
  });
  const [first] = opposite;
  if (first !== undefined) tower.note(`merged linearly where models point in opposite directions: ${first}${andMore(opposite.length - 1)}`);
  return new Map(factors);
}

const andMore = (count: number): string => (count > 0 ? ` and ${count} more` : "");

/** The models by their factors. */
export const mergeSpherical = (input: MergeInput, _: unknown, factors: Coefficients): Tensor =>
  input.sum(factors.get(input.tensor.name) ?? []);

/**
 * Factors c with Σ c_i θ_i = the weighted mean of the directions on the sphere, applied to the models with their own norms: for two models
 * sin(w_i ω)/sin ω. The weights themselves where a model is zero or all are parallel; there is no such mean where two are opposite.
 */
function sphericalMean(products: Products, weights: readonly number[]): readonly number[] | "opposite" {
  const n = weights.length;
  const norms = weights.map((_, i) => normOf(products, i));
  if (n === 1 || norms.some((norm) => norm < smallest)) return weights;
  const cosines = weights.map((_, i) => weights.map((__, j) => productOf(products, i, j) / ((norms[i] as number) * (norms[j] as number))));
  const others = cosines.flatMap((row, i) => row.filter((_, j) => j < i));
  if (others.some((cosine) => cosine < -parallel)) return "opposite";
  if (others.every((cosine) => cosine > parallel)) return weights;
  return n === 2 ? between(others[0] as number, weights) : karcherMean(cosines, weights);
}

function between(cosine: number, weights: readonly number[]): readonly number[] {
  const angle = acosPi(cosine);
  return weights.map((weight) => sinPi(weight * angle) / sinPi(angle));
}

/** Steps after which the mean has long stopped moving, for weights of real models. */
const mostSteps = 100;
const stillness = 1e-14;

/** The mean's factors of the unit directions, by the inner products of these alone. */
function karcherMean(cosines: readonly (readonly number[])[], weights: readonly number[]): readonly number[] {
  const product = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, x, i) => sum + x * b.reduce((inner, y, j) => inner + y * (cosines[i]?.[j] ?? 0), 0), 0);
  const scaled = (a: readonly number[], by: number): readonly number[] => a.map((x) => x * by);
  const length = Math.sqrt(product(weights, weights));
  if (length < smallest) return weights;
  let mean = scaled(weights, 1 / length);
  for (let step = 0; step < mostSteps; step++) {
    const pulls = weights.map((weight, i) => {
      const cosine = Math.min(1, Math.max(-1, cosines[i]?.reduce((sum, c, j) => sum + c * (mean[j] as number), 0) ?? 0));
      const angle = acosPi(cosine);
      const sine = sinPi(angle);
      return { cosine, pull: sine < 1e-12 ? weight : (weight * Math.PI * angle) / sine };
    });
    // The weighted mean of the directions' logarithms at the present mean.
    const along = pulls.reduce((sum, { pull, cosine }) => sum + pull * cosine, 0);
    const move = pulls.map(({ pull }, i) => pull - along * (mean[i] as number));
    const size = Math.sqrt(Math.max(0, product(move, move)));
    if (size < stillness) break;
    const [keep, go] = [cosPi(size / Math.PI), sinPi(size / Math.PI) / size];
    mean = mean.map((x, i) => keep * x + go * (move[i] as number));
  }
  return mean;
}
