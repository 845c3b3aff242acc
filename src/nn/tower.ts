import { grad, hasGraph, noGrad, requireGrad, withGrad } from "../engine/grad.ts";
import { recomputing } from "../engine/meter.ts";
import { detach } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";

/** A network cut where its activations may be thrown away and computed again. */
export interface Tower {
  /** What the first stage works on; depends on weights, so it is part of the graph. */
  start(): Tensor;
  readonly stages: readonly ((x: Tensor) => Tensor)[];
}

/** The tower's output. What a stage makes besides its result lives on only where the graph needs it. */
export const run = (tower: Tower): Tensor =>
  tower.stages.reduce(
    (x, stage) => scope(() => stage(x)),
    scope(() => tower.start()),
  );

/** The tower's output without a graph, and the input of each stage: all that {@link recompute} needs. */
export function runAndKeep(tower: Tower): { readonly output: Tensor; readonly inputs: readonly Tensor[] } {
  return noGrad(() => {
    const inputs = [scope(() => tower.start())];
    for (const stage of tower.stages) inputs.push(scope(() => stage(inputs.at(-1) as Tensor)));
    const output = inputs.pop() as Tensor;
    return { output, inputs };
  });
}

/**
 * Gradients of `leaves` for a gradient of the tower's output, with one stage's activations alive at a time (arXiv:1604.06174).
 * Hands each stage's gradients to `add`, last stage first; undefined where a stage does not use a leaf.
 */
export function recompute(
  tower: Tower,
  inputs: readonly Tensor[],
  gradient: Tensor,
  each: { readonly leaves: readonly Tensor[]; readonly add: (gradients: readonly (Tensor | undefined)[]) => void },
): void {
  let flowing = gradient;
  for (let i = tower.stages.length - 1; i >= 0; i--) {
    const next = scope(() => {
      const input = detach(inputs[i] as Tensor);
      requireGrad([input]);
      const output = recomputing(() => withGrad(() => (tower.stages[i] as (x: Tensor) => Tensor)(input)));
      const [before, ...gradients] = grad([output], [input, ...each.leaves], [flowing]);
      each.add(gradients);
      return before;
    });
    if (!next) return;
    flowing = next;
  }
  const output = recomputing(() => withGrad(() => tower.start()));
  // Where the first stages are frozen, nothing behind them learns.
  if (each.leaves.length > 0 && hasGraph(output)) each.add(grad([output], each.leaves, [flowing]));
}
