import { z } from "zod";
import { toHost } from "../engine/offload.ts";
import { keep, release, scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import { learnedWeights } from "./learned.ts";
import type { TaskContext } from "./method.ts";
import { snapshot } from "./snapshot.ts";

/** Where what a penalty remembers is kept. */
export const offloadOption = {
  offload: z
    .boolean()
    .default(false)
    .describe(
      "true to keep what is remembered in the host's memory and bring it to the device one parameter at a time, for a device whose memory is short; the bits are the same",
    ),
} as const;

/** What weights are pulled to after a task. */
export const anchorOptions = {
  anchor: z
    .enum(["start", "expert"])
    .default("start")
    .describe(
      "where weights are pulled to: start, the weights that the current task starts from; expert, those that the last task was trained to",
    ),
  ...offloadOption,
} as const;

/** Lays a tensor of a state where it is kept. */
export type Place = (made: Tensor) => Tensor;

/** Where a method's state is kept. */
export const placeOf = ({ offload }: { readonly offload: boolean }): Place => (offload ? toHost : (made) => made);

/** Weights that are the caller's own, one by one where they are kept. */
export function placed(weights: Weights, place: Place): Weights {
  return new Map(
    [...weights].map(([name, made]) => {
      const there = scope(() => keep(place(made)));
      if (there !== made) release(made);
      return [name, there];
    }),
  );
}

/** A copy of everything that learns. */
export const learnedSnapshot = (task: TaskContext, place?: Place): Weights => snapshot(learnedWeights(task), undefined, place);
