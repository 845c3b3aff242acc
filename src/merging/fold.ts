import { add } from "../engine/ops.ts";
import { release, scope, tensorsIn } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";

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

/** Σ of one tensor a model, in the order of the models. Each is made for the sum and freed after it. */
export function sumOf(count: number, of: (i: number) => Tensor): Tensor {
  return fold(
    scope(() => of(0)),
    count - 1,
    (total, i) => add(total, of(i + 1)),
  );
}
