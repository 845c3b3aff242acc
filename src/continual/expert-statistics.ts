import type { Weights } from "../engine/tensor.ts";
import type { Statistic } from "../merging/operator.ts";
import { diagonalFisher } from "./fisher.ts";
import { inputProducts } from "./input-basis.ts";
import type { TaskContext } from "./method.ts";

/** What merge operators need of an expert beside its weights, of its own task's samples; released by the caller. */
const measures: Readonly<Record<Statistic, (task: TaskContext, maxSamples: number) => Promise<Weights>>> = {
  fisher: (task, maxSamples) => diagonalFisher(task, { fisher: "sample", maxSamples }),
  gram: inputProducts,
};

export const expertStatistic = (kind: Statistic, task: TaskContext, maxSamples: number): Promise<Weights> =>
  measures[kind](task, maxSamples);
