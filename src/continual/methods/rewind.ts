import { z } from "zod";
import { interpolating, scoringOptions } from "../interpolated.ts";
import { defineMethod, type HeldOutScores, type TaskContext } from "../method.ts";

export default defineMethod({
  summary:
    "Goes back from a task's last weights towards those it started from, no farther than until what was known before is kept: zero-shot retention on held-back samples passes a floor.",
  source:
    "arXiv:2605.28819 (final checkpoints overshoot); the gate is this project's own: the largest step of the way that passes is taken",
  when: "Retention has a floor that no task may break.",
  cost: "A step as plain fine-tuning; at most steps + 2 evaluations on held-back samples at each task's end; one more copy of the weights.",
  options: z.strictObject({
    floor: z.number().min(0).max(1).optional().describe("least retention, as a share; in place of drop"),
    drop: z.number().min(0).max(1).default(0.01).describe("how far below the first weights' retention it may fall, as a share"),
    ...scoringOptions,
  }),
  build: ({ floor, drop, steps, perSet }) => ({
    // Its copy of the weights is in no published table.
    budget: {},
    scoring: { of: ["retention"], calls: steps + 1 + Number(floor === undefined), perSet },
    ...interpolating("rewind", { steps }, async (scoreAt, task) => {
      const least = floor ?? retained(await task.score(await task.origin())) - drop;
      for (let part = steps; part >= 0; part--) {
        const share = part / steps;
        if (retained(await scoreAt(share)) >= least) return share;
      }
      task.warn("EG-3136", belowFloor(task, least));
      return 0;
    }),
  }),
});

function retained({ retention }: HeldOutScores): number {
  if (retention === undefined) throw new Error("internal: a run without held-back samples of evaluated sets was let begin");
  return retention;
}

const belowFloor = ({ task }: TaskContext, least: number): string =>
  `rewind: retention is below ${(100 * least).toFixed(2)} % wherever on its way task ${task + 1} stops; it is undone, and what it started from is shipped`;
