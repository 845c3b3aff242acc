import { add, divNumber, lerp } from "../engine/ops.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { EvergreenError } from "../util/errors.ts";

/** An average moved towards weights: (1 − share)·average + share·weights; one that they do not hold stays. */
export const movedTo = (average: Weights, weights: Weights, share: number): Weights =>
  new Map([...average].map(([name, old]) => [name, lerp(old, weights.get(name) ?? old, share)]));

/** A mean over weights, n of them so far, with one more: (n·mean + weights)/(n + 1). */
export const meanWith = (mean: Weights, weights: Weights, n: number): Weights => movedTo(mean, weights, 1 / (n + 1));

/** The mean of several weights, added up oldest first. */
export function meanOf(list: readonly Weights[]): Weights {
  const [first, ...rest] = list;
  if (!first) throw new Error("internal: a mean of no weights");
  return new Map([...first].map(([name, weight]) => [name, meanOfTensors([weight, ...rest.map((each) => each.get(name) as Tensor)])]));
}

/** The mean of tensors of one shape, added up in their order. */
export const meanOfTensors = (list: readonly Tensor[]): Tensor =>
  divNumber(
    list.reduce((sum, each) => add(sum, each)),
    list.length,
  );

/** Averages of a model's own weights say nothing of what adapters learn. @throws {EvergreenError} */
export function refuseAdapters(name: string, { adapters }: Clip): void {
  if (!adapters) return;
  throw new EvergreenError(`methods: ${name} averages the model's own weights, and adapters hold them still`, {
    code: "EG-3106",
    exit: "config",
    fix: "leave one of the two out; temporal-merging merges what adapters leave",
  });
}
