import { z } from "zod";
import type { Weights } from "../../engine/tensor.ts";
import { learnedSnapshot, offloadOption, type Place, placeOf } from "../anchor.ts";
import { learnedWeights } from "../learned.ts";
import { defineMethod, type TaskContext } from "../method.ts";
import { snapshot } from "../snapshot.ts";
import { spring } from "../spring.ts";

type Memory = { readonly anchor: Weights };

export default defineMethod({
  summary: "Distance to the start: an equally stiff spring on every weight, to where the run or the task began.",
  source: "arXiv:1802.01483, eq. 2 (L2-SP)",
  when: "The simplest pull is wanted, or a yardstick for ewc, si and mas.",
  cost: "A pass over the weights each step; one more copy of what learns.",
  options: z.strictObject({
    lambda: z.number().min(0).default(1).describe("stiffness λ of the spring: λ/2 · Σ (θ − θ*)²"),
    to: z
      .enum(["run", "task"])
      .default("run")
      .describe(
        "θ*: run, the weights that the run began with (adapters: as they were first made); task, those that the current task starts from",
      ),
    ...offloadOption,
  }),
  build({ lambda, to, offload }) {
    const place = placeOf({ offload });
    return {
      // Its copy of the weights is in no published table.
      budget: {},
      init: async (task): Promise<Memory> => ({
        anchor: to === "run" ? snapshot(await task.origin(), (name) => task.learns(name), place) : new Map(),
      }),
      startTask: (task, { anchor }: Memory): Memory => ({
        anchor: to === "run" ? completed(anchor, task, place) : learnedSnapshot(task, place),
      }),
      penalty: (name, weight, { anchor }: Memory) => {
        const from = anchor.get(name);
        return from && spring(weight, from, { stiffness: lambda });
      },
    };
  },
});

/** The anchor with what it does not hold yet: adapters, which are made after the run has begun. */
function completed(anchor: Weights, task: TaskContext, place: Place): Weights {
  const all = learnedWeights(task);
  const missing = snapshot(all, (name) => !anchor.has(name), place);
  return new Map([...anchor, ...missing]);
}
