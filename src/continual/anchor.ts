import { z } from "zod";
import type { Weights } from "../engine/tensor.ts";
import { learnedWeights } from "./learned.ts";
import type { TaskContext } from "./method.ts";
import { snapshot } from "./snapshot.ts";

/** What weights are pulled to after a task. */
export const anchorOptions = {
  anchor: z
    .enum(["start", "expert"])
    .default("start")
    .describe(
      "where weights are pulled to: start, the weights that the current task starts from; expert, those that the last task was trained to",
    ),
} as const;

/** A copy of everything that learns. */
export const learnedSnapshot = (task: TaskContext): Weights => snapshot(learnedWeights(task));
