import { z } from "zod";
import { interpolating, scoringOptions } from "../interpolated.ts";
import { defineMethod, type HeldOutScores } from "../method.ts";

export default defineMethod({
  summary:
    "Patching: after each task its weights are mixed with those it started from, in the share that scores best on held-back samples of the task and of all else.",
  source:
    "arXiv:2208.05592, §3 and its sequential patching; what the paper calls supported tasks are here the tasks before and the evaluated sets that are not streamed, or the pretraining pool",
  when: "Held-back samples can say how much of a task to keep.",
  cost: "A step as plain fine-tuning; steps + 1 evaluations on held-back samples at each task's end; one more copy of the weights.",
  options: z.strictObject(scoringOptions),
  build: ({ steps, perSet }) => ({
    // Its copy of the weights is in no published table.
    budget: {},
    scoring: { of: ["task", "earlier", "retention"], calls: steps + 1, perSet },
    ...interpolating("paint", { steps }, async (scoreAt) => {
      let best = { share: 1, value: Number.NEGATIVE_INFINITY };
      // From the trained weights back: of equals, the one that keeps more of what was learned.
      for (let part = steps; part >= 0; part--) {
        const value = balance(await scoreAt(part / steps));
        if (value > best.value) best = { share: part / steps, value };
      }
      return best.share;
    }),
  }),
});

/** The mean of the task's score and that of all else, which is the mean of its groups. */
function balance({ task, earlier, retention }: HeldOutScores): number {
  const supported = mean([earlier, retention]);
  return mean([task, supported]) ?? 0;
}

function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}
