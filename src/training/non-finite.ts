import { globalNorm } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { item, type Weights } from "../engine/tensor.ts";
import { EvergreenError } from "../util/errors.ts";

/** A loss or gradient that is not finite; the weights are those before the step. */
export class NonFiniteLossError extends EvergreenError {
  readonly task: number;
  readonly step: number;
  /** Ids of the batch's samples. */
  readonly samples: readonly string[];

  constructor(at: {
    readonly task: number;
    readonly step: number;
    readonly loss: number;
    readonly gradientNorm: number;
    readonly samples: readonly string[];
  }) {
    super(`task ${at.task + 1}, step ${at.step}: loss ${at.loss}, gradient norm ${at.gradientNorm}; expected finite numbers`, {
      code: "EG-7001",
      exit: "numerics",
      fix: "lower optim.lr or raise the warm-up; the batch's sample ids are in events.jsonl, and the last checkpoint stands",
    });
    this.task = at.task;
    this.step = at.step;
    this.samples = at.samples;
  }
}

/** Weights or moments that are not finite; no checkpoint was made of them. */
class NonFiniteWeightsError extends EvergreenError {
  readonly task: number;
  readonly step: number;

  constructor(at: { readonly task: number; readonly step: number }, names: readonly string[]) {
    const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
    super(`task ${at.task + 1}, step ${at.step}: ${names.slice(0, 3).join(", ")}${more} hold numbers that are not finite`, {
      code: "EG-7002",
      exit: "numerics",
      fix: "lower optim.lr or raise the warm-up; the last checkpoint stands",
    });
    this.task = at.task;
    this.step = at.step;
  }
}

/** @throws {NonFiniteWeightsError} when a tensor holds a number that is not finite. */
export function assertFinite(state: readonly Weights[], at: { readonly task: number; readonly step: number }): void {
  const areFinite = (weights: Weights): boolean =>
    weights.size === 0 || Number.isFinite(scope(() => item(globalNorm([...weights.values()]))));
  const broken = state.filter((weights) => !areFinite(weights)).flatMap((weights) => [...weights]);
  const names = broken.flatMap(([name, value]) => (areFinite(new Map([[name, value]])) ? [] : [name]));
  if (broken.length > 0) throw new NonFiniteWeightsError(at, names);
}
