import { type Argument, one, operator } from "./operator.ts";
import { read, type Tensor } from "./tensor.ts";

// Passes over the entries of several models at once. Each gives the bits of the operators of ops.ts one after another, in the order of the models.

const call = (name: string, ...args: readonly Argument[]): Tensor => one(name, operator(name)(...args));

/** Σ of weighted rows, in their order, float32 [size]. Terms are [size] or [n, size], float32, float16 or bfloat16; each row has a weight. */
export const sumOfRows = (terms: readonly Tensor[], weights: readonly number[]): Tensor => call("evergreen::weighted_sum", terms, weights);

/** Σ (model − base)² for each model, in double precision. Models [size] as they are stored, base float32 [size], zero when absent. */
export const squaredDistances = (models: readonly Tensor[], base?: Tensor): readonly number[] =>
  Array.from(read(call("evergreen::squared_distances", models, base ?? null)), Number);

/** True when every entry is finite: no sum of squares of float32 overflows in double precision. */
export const isAllFinite = (a: Tensor): boolean => squaredDistances([a]).every(Number.isFinite);
