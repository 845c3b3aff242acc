import { readFileSync } from "node:fs";
import { release, scope } from "../../src/engine/scope.ts";
import { readFloats, scalar, type Tensor, tensor, type Weights } from "../../src/engine/tensor.ts";
import { type OptimizerDefinition, type OptimizerState, optimizers, type Slot } from "../../src/nn/optimizer.ts";
import { uniform } from "./filled-weights.ts";

/** What scripts/vectors/optimizers.py keeps. */
interface OptimizerVectors {
  readonly tolerance: number;
  readonly steps: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly lr: number;
  readonly decay: number;
  readonly scale: number;
  readonly ends: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}
export const vectors = JSON.parse(readFileSync(new URL("../vectors/optimizers.json", import.meta.url), "utf8")) as OptimizerVectors;

const closed = (name: string, shape: readonly number[], amplitude: number): Tensor =>
  tensor(
    uniform(
      name,
      shape.reduce((a, b) => a * b, 1),
      { amplitude, offset: 0 },
    ),
    shape,
    "float32",
  );

/** The cases' weights before the first step, and the gradients of one step. */
export const startWeights = (): Weights =>
  new Map(Object.entries(vectors.shapes).map(([name, shape]) => [name, closed(`optimizers/${name}`, shape, 0.5)]));
export const gradientsAt = (step: number): readonly Tensor[] =>
  Object.entries(vectors.shapes).map(([name, shape]) => closed(`optimizers/${name}/${step}`, shape, 0.8));

export const slotsOf = (weights: Weights, more: Partial<Slot> = {}): readonly Slot[] =>
  [...weights].map(([name, weight]) => ({ name, weight, learningRate: vectors.lr, decay: vectors.decay, ...more }));

/** Steps `from` … `to` of the cases' gradients, in place. */
export function steps(
  definition: OptimizerDefinition,
  options: unknown,
  at: { readonly weights: Weights; readonly state: OptimizerState; readonly from: number; readonly to: number },
): void {
  for (let step = at.from; step <= at.to; step++)
    scope(() => definition.step(slotsOf(at.weights), gradientsAt(step), at.state, { step, scale: scalar(vectors.scale), options }));
}

export const valuesOf = (weights: Weights): ReadonlyMap<string, Float32Array> =>
  new Map([...weights].map(([name, weight]) => [name, readFloats(weight)]));

/** Tensors whose end is further from a stored case's than its tolerance, with the distance. */
export async function wrongEnds(optimizer: string, name: string, given: object): Promise<readonly string[]> {
  const definition = await optimizers.load(optimizer);
  const options = definition.options.parse(given);
  const kept = vectors.ends[name];
  if (!kept) throw new Error(`no case ${name} is stored`);
  return scope(() => {
    const weights = startWeights();
    const state = definition.init(weights, options);
    steps(definition, options, { weights, state, from: 1, to: vectors.steps });
    const ends = valuesOf(weights);
    release(state);
    return Object.entries(kept).flatMap(([own, expected]) => {
      const got = ends.get(own) as Float32Array;
      const worst = expected.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (got[i] ?? Number.NaN))),
        got.length === expected.length ? 0 : Number.NaN,
      );
      return worst <= vectors.tolerance ? [] : [`${own} is ${worst} away`];
    });
  });
}
