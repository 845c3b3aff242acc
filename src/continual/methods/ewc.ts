import { z } from "zod";
import { release } from "../../engine/scope.ts";
import type { Weights } from "../../engine/tensor.ts";
import { anchorOptions, learnedSnapshot, placed, placeOf } from "../anchor.ts";
import { diagonalFisher, fisherOptions, importanceBatches } from "../fisher.ts";
import { defineMethod } from "../method.ts";
import { runningImportance } from "../running-importance.ts";
import { springOn, sumOfPulls } from "../spring.ts";

/** A Fisher information with the weights that it ties to; under the rule `start` these are not known before the next task begins. */
type Tie = { readonly fisher: Weights; readonly anchor: Weights | null };
type Memory = { readonly ties: readonly Tie[] };

const options = z
  .strictObject({
    lambda: z.number().min(0).default(1).describe("stiffness λ of the spring: λ/2 · Σ F (θ − θ*)²"),
    memory: z
      .enum(["online", "separate"])
      .default("online")
      .describe("online: one Fisher and one anchor for all earlier tasks; separate: one of each for every task, as the paper has it"),
    gamma: z.number().min(0).max(1).default(1).describe("what the online Fisher keeps of earlier tasks at each task's end"),
    accumulate: z
      .enum(["sum", "rolling"])
      .default("sum")
      .describe("how the online Fisher F takes in a task's own: sum, γF + F_new; rolling, γF + (1 − γ)F_new"),
    ...anchorOptions,
    ...fisherOptions,
  })
  .refine(({ accumulate, gamma }) => accumulate === "sum" || gamma < 1, {
    path: ["gamma"],
    message: "expected below 1 with accumulate: rolling, which would learn nothing of any task after the first",
  })
  .refine(({ memory, accumulate, gamma }) => memory === "online" || (accumulate === "sum" && gamma === 1), {
    path: ["memory"],
    message: "expected online where gamma or accumulate is given: separate keeps each task's Fisher as it is",
  });

export default defineMethod({
  summary: "Elastic weight consolidation: a spring to where the task began, stiff where the Fisher information of earlier tasks is large.",
  source: "arXiv:1612.00796, eq. 3; one running Fisher as in arXiv:1805.06370",
  when: "Earlier samples are gone once their task has ended, and a pull without a teacher is wanted.",
  cost: "At each task's end a pass over its samples, max_samples at most, that takes about what training on them takes; two more copies of what learns, float32 (separate: two for every task).",
  options,
  build({ lambda, memory, gamma, accumulate, anchor, offload, ...how }) {
    const place = placeOf({ offload });
    const share = accumulate === "sum" ? 1 : 1 - gamma;
    return {
      budget: { batchesAtTaskEnd: importanceBatches(how.maxSamples), ...(memory === "online" ? { published: "ewc" } : {}) },
      // A Fisher and an anchor for each task behind the second.
      holds: (tasks) => (memory === "separate" ? { models: 2 * Math.max(0, tasks - 2), isAway: offload } : {}),
      init: (): Memory => ({ ties: [] }),
      startTask: (task, { ties }: Memory): Memory => ({
        ties:
          anchor === "expert"
            ? ties
            : ties.map((tie, i) => (i === ties.length - 1 ? { ...tie, anchor: learnedSnapshot(task, place) } : tie)),
      }),
      penalty: (name, weight, { ties }: Memory) =>
        sumOfPulls(
          ties.map(
            ({ fisher, anchor: to }) =>
              () =>
                springOn(name, weight, { stiffness: lambda, anchor: to, importance: fisher }),
          ),
        ),
      async endTask(task, { ties }: Memory): Promise<Memory> {
        const fresh = await diagonalFisher(task, how);
        const last = ties.at(-1);
        const tied = { anchor: anchor === "expert" ? learnedSnapshot(task, place) : null };
        if (memory === "separate" || !last) return { ties: [...ties, { fisher: placed(fresh, place), ...tied }] };
        const fisher = runningImportance(last.fisher, fresh, { keep: gamma, share, place });
        release(fresh);
        return { ties: [{ fisher, ...tied }] };
      },
    };
  },
});
