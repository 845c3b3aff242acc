import { z } from "zod";
import { noGrad } from "../engine/grad.ts";
import { lerp } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import { firstWeights, type Lineage, taskWeights } from "../runs/lineage.ts";
import type { HeldOutScores, Method, TaskContext } from "./method.ts";
import { snapshot } from "./snapshot.ts";

/** Where a task started, by weight that it can move, and its name; null before the first one. */
export type Way = { readonly start: Weights | null; readonly from: string };

/** Options of methods that choose a place between two weights by scores. */
export const scoringOptions = {
  steps: z.int().min(1).max(100).default(10).describe("equal parts of the way from start to end: their ends are the places to choose from"),
  perSet: z.int().min(1).default(200).describe("held-back samples of each set that a score is over, at most"),
} as const;

/** Which place of a task's way is shipped, from the scores of places: 0 where the task started, 1 where it was trained to. */
export type Choice = (scoreAt: (share: number) => Promise<HeldOutScores>, task: TaskContext) => Promise<number>;

/**
 * The hooks of a method that ships θ(a) = θ_start + a·(θ_end − θ_start) after each task, and lets the next one start there. θ(1) is the trained weights themselves, so that adapters stay
 * where it is chosen; at any other place they are folded in.
 */
export function interpolating(
  by: string,
  { steps }: { readonly steps: number },
  choose: Choice,
): Pick<Method<Way>, "init" | "startTask" | "flow" | "passes"> {
  return {
    // Both ends are read and a place is written: of each that is scored but the last, and of the one that is chosen.
    passes: () => 3 * (steps + 1),
    init: () => ({ start: null, from: firstWeights }),
    startTask: (task, { start, from }) => ({ start: start ?? snapshot(task.model.weights, (name) => canMove(task, name)), from }),
    async flow(expert, task, { start, from }) {
      if (!start) throw new Error("internal: a task ended that never started");
      const scoreAt = async (share: number): Promise<HeldOutScores> => {
        const { weights, made } = placeOf(start, expert, share);
        try {
          return await task.score(weights);
        } finally {
          release(made);
        }
      };
      const share = await choose(scoreAt, task);
      const { weights, made } = placeOf(start, expert, share);
      const next = made.size > 0 ? made : snapshot(expert, (name) => start.has(name));
      const lineage = wayLineage({ by, task: task.task, from, share });
      return { deploy: weights, start: weights, state: { start: next, from: lineage.start }, lineage };
    },
  };
}

function wayLineage(way: { readonly by: string; readonly task: number; readonly from: string; readonly share: number }): Lineage {
  const { by, task, from, share } = way;
  const own = taskWeights(task);
  if (share === 1) return { deploy: own, start: own, made: [] };
  const name = `${by}-${task + 1}`;
  const of = [
    { weights: own, share },
    { weights: from, share: 1 - share },
  ];
  return { deploy: name, start: name, made: [{ name, by, of }] };
}

/** What a task's steps change once adapters are folded in. */
const canMove = ({ model, learns }: TaskContext, name: string): boolean => learns(name) || model.adapters?.sites.has(name) === true;

/** θ(share) over an expert, and those of its weights that were made for it: the caller's to release. */
function placeOf(start: Weights, expert: Weights, share: number): { readonly weights: Weights; readonly made: Weights } {
  if (share === 1) return { weights: expert, made: new Map() };
  const made = new Map(
    [...start].map(([name, from]) => [name, scope(() => noGrad(() => lerp(from, expert.get(name) as Tensor, share)))] as const),
  );
  return { weights: new Map([...expert].map(([name, weight]) => [name, made.get(name) ?? weight])), made };
}
