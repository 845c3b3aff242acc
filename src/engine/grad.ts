import { native } from "./binding.ts";
import { guard, Tensor } from "./tensor.ts";

/** Marks leaves whose gradient will be asked for. */
export function requireGrad(leaves: Iterable<Tensor>, on = true): void {
  for (const leaf of leaves) guard("requireGrad", () => native.setRequiresGrad(leaf.handle, on));
}

/**
 * Gradients of `outputs` (weighted by `gradients`, or of their own value when these are absent) with respect to `inputs`;
 * undefined for an input that nothing depends on. The graph is freed.
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradients?: readonly Tensor[],
): readonly (Tensor | undefined)[] {
  const handles = guard("grad", () =>
    native.grad(
      outputs.map((each) => each.handle),
      gradients ? gradients.map((each) => each.handle) : null,
      inputs.map((each) => each.handle),
    ),
  );
  return handles.map((handle) => (handle === null ? undefined : new Tensor(handle)));
}

/** True for what {@link grad} can differentiate: something that asks for a gradient lies behind it. */
export const hasGraph = (value: Tensor): boolean => native.describe(value.handle).requiresGrad;

/** Runs `work` without recording a graph. */
export function noGrad<Result>(work: () => Result): Result {
  return withGradMode(false, work);
}

/** Runs `work` with recording on, also inside of {@link noGrad}. */
export function withGrad<Result>(work: () => Result): Result {
  return withGradMode(true, work);
}

function withGradMode<Result>(on: boolean, work: () => Result): Result {
  const before = native.setGradMode(on);
  try {
    return work();
  } finally {
    native.setGradMode(before);
  }
}
