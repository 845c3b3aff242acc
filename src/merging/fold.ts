import { sumOfRows } from "../engine/entries.ts";
import { divNumber } from "../engine/ops.ts";
import { release, scope, tensorsIn } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Group, MergeInput } from "./operator.ts";

/**
 * Folds models 0 … count − 1 into a state of tensors, one after another, holding no more than two states and what a step makes: memory does not
 * depend on the number of models. The tensors of `start` are given away.
 */
export function fold<State>(start: State, count: number, step: (state: State, i: number) => State): State {
  let state = start;
  for (let i = 0; i < count; i++) {
    const before = state;
    state = scope(() => step(before, i));
    const kept = tensorsIn(state);
    release([...tensorsIn(before)].filter((tensor) => !kept.has(tensor)));
  }
  return state;
}

/** Joins one tensor a model into one, in the order of the models: the first with the second, what came of it with the third, and so on. */
export function joined(count: number, of: (i: number) => Tensor, join: (before: Tensor, next: Tensor, i: number) => Tensor): Tensor {
  return fold(
    scope(() => of(0)),
    count - 1,
    (before, i) => join(before, of(i + 1), i + 1),
  );
}

/** Models that one pass over memory takes: a block of each, and of what is made of it, fits a core's second cache. */
const together = 8;

/** All models, in order, in groups that are read at once. */
export const groupsOf = (count: number): readonly Group[] =>
  Array.from({ length: Math.ceil(count / together) }, (_, k) => ({ from: k * together, count: Math.min(together, count - k * together) }));

/** Σ of one row a model, each times its weight, in the order of the models; a group's rows are made at once and freed before the next one's. */
export function sumOfGroups(weights: readonly number[], rowsOf: (group: Group) => readonly Tensor[]): Tensor {
  const own = ({ from, count }: Group): readonly number[] => weights.slice(from, from + count);
  const [first, ...others] = groupsOf(weights.length);
  if (!first) throw new Error("internal: a sum of no models");
  const start = scope(() => sumOfRows(rowsOf(first), own(first)));
  return fold(start, others.length, (before, i) => {
    const group = others[i] as Group;
    return sumOfRows([before, ...rowsOf(group)], [1, ...own(group)]);
  });
}

/** Σ of one tensor a model, each times its weight. Each is made for the sum and freed after it. */
export const weightedSum = (weights: readonly number[], of: (i: number) => Tensor): Tensor =>
  sumOfGroups(weights, ({ from, count }) => Array.from({ length: count }, (_, k) => scope(() => of(from + k))));

/** Σ of one tensor a model, in the order of the models. */
export const sumOf = (count: number, of: (i: number) => Tensor): Tensor => weightedSum(ones(count), of);

/** Σ of the task vectors. */
export const sumOfVectors = (input: MergeInput): Tensor => sumOfGroups(ones(input.count), (group) => [input.vectors(group)]);

/** The plain mean of the models. */
export const meanModel = (input: MergeInput): Tensor => divNumber(input.sum(ones(input.count)), input.count);

/** A weight of 1 for each model. */
export const ones = (count: number): readonly number[] => new Array<number>(count).fill(1);
