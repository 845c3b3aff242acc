import { add, divNumber, mulNumber } from "../engine/ops.ts";
import { release, scope, tensorsIn } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { MergeInput } from "./operator.ts";

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

/** Σ of one tensor a model, in the order of the models. Each is made for the sum and freed after it. */
export const sumOf = (count: number, of: (i: number) => Tensor): Tensor => joined(count, of, (total, next) => add(total, next));

/** Σ of one tensor a model, each times its weight. */
export const weightedSum = (weights: readonly number[], of: (i: number) => Tensor): Tensor =>
  sumOf(weights.length, (i) => mulNumber(of(i), weights[i] as number));

/** The plain mean of the models. */
export function meanModel(input: MergeInput): Tensor {
  const total = sumOf(input.count, (i) => input.model(i));
  return divNumber(total, input.count);
}
