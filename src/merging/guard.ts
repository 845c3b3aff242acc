import { EvergreenError } from "../util/errors.ts";

/** How far a merge moved a tower, against how far its models moved. */
export interface TowerGrowth {
  readonly tower: string;
  /** ‖r − θ0‖. */
  readonly merged: number;
  /** ‖θ_i − θ0‖ of the models that the operator read. */
  readonly models: readonly number[];
  /** The first over the mean of the others; undefined where no model moved. */
  readonly growth: number | undefined;
}

/** Growth beyond which a merge is doubted. */
const growthLimit = 2;
/** A rise that counts when it comes three merges in a row above 1. */
const rise = 1.25;

/** What is wrong with a chain of merges. */
export interface GrowthWarning {
  readonly message: string;
  /** Whether it ends a run: unless that is asked to warn alone, where it is asked to stop, or never. */
  readonly ends: "unless warn" | "where stop" | "never";
}

/**
 * What is wrong with a chain of merges, by the growth of one tower after each of them, the newest last; undefined when nothing is. Interpolation never
 * trips it: a mean is no longer than its longest vector.
 */
export function growthWarning(history: readonly number[], limit = growthLimit): GrowthWarning | undefined {
  const newest = history.at(-1);
  if (newest === undefined) return undefined;
  if (newest > limit) {
    const message = `the merged weights lie ${newest.toPrecision(3)} times as far from the base as the models do, more than ${limit}`;
    return { message, ends: "where stop" };
  }
  const recent = history.slice(-4);
  const rises = recent.slice(1).every((growth, i) => growth > rise * (recent[i] as number));
  if (recent.length < 4 || !rises || newest <= 1) return undefined;
  const message = `the distance from the base grew by more than 25 % in each of the last three merges, to ${newest.toPrecision(3)} times that of the models`;
  return { message, ends: "never" };
}

/** Loss of merged weights over that of the worse of what was merged, beyond which the merge is doubted. */
const lossLimit = 2;

/** What is wrong with a merge by contrastive losses on the same samples: of the merged weights, the new ones, and what they were merged with. */
export function lossWarning({
  merged,
  fresh,
  old,
}: {
  readonly merged: number;
  readonly fresh: number;
  readonly old: number;
}): GrowthWarning | undefined {
  if (merged <= lossLimit * Math.max(fresh, old)) return undefined;
  const shown = [merged, fresh, old].map((each) => each.toPrecision(3));
  const message = `the merged weights' loss on replayed and pretraining samples is ${shown[0]}, more than twice that of the new weights (${shown[1]}) and of the old (${shown[2]})`;
  return { message, ends: "unless warn" };
}

/** Entries that are no numbers; nothing of them is written. */
export class MergeNumbersError extends EvergreenError {
  constructor(what: string, tensor: string) {
    super(`merge: ${what} has entries in "${tensor}" that are not finite`, {
      code: "EG-7150",
      exit: "numerics",
      fix: "leave that model out, or merge with a smaller lambda; nothing was written",
    });
  }
}

/** A merge that moved too far, where it was asked to stop. */
export class MergeGrowthError extends EvergreenError {
  constructor(warning: string) {
    super(`merge: ${warning}`, {
      code: "EG-7151",
      exit: "numerics",
      fix: "merge with a smaller lambda or another operator; nothing was written",
    });
  }
}
