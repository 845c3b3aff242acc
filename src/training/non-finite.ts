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
