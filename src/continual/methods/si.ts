import { z } from "zod";
import { clampMin } from "../../engine/elementwise.ts";
import { fromHost } from "../../engine/offload.ts";
import { add, addNumber, div, mul, mulNumber, sub, to, zerosLike } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import { anchorOptions, learnedSnapshot, placeOf } from "../anchor.ts";
import { allWeights, learnedWeights } from "../learned.ts";
import { type AppliedStep, defineMethod } from "../method.ts";
import { runningImportance } from "../running-importance.ts";
import { springOn } from "../spring.ts";

type Memory = {
  /** What each entry's moves of this task have contributed to its loss so far: ω. */
  readonly path: Weights;
  /** Where the task started. */
  readonly start: Weights;
  /** Ω; null before the first task has ended. */
  readonly importance: Weights | null;
  /** Where the last task ended, if that is what weights are pulled to. */
  readonly expert: Weights | null;
};

/** A step as it moved one parameter. */
interface Move {
  readonly step: AppliedStep;
  /** All weights after it. */
  readonly now: Weights;
  readonly memory: Memory;
  readonly gradient: Tensor;
}

export default defineMethod({
  summary: "Synaptic intelligence: a spring, stiff where moves along the way lowered the loss of earlier tasks.",
  source: "arXiv:1703.04200, eqs. 3 to 5",
  when: "As ewc, where no pass over the task's samples is wanted at its end.",
  cost: "A few passes over the weights each step; three more copies of what learns.",
  options: z.strictObject({
    c: z.number().min(0).default(0.5).describe("weight of the penalty: c · Σ Ω (θ − θ*)²"),
    xi: z
      .number()
      .positive()
      .default(1)
      .describe("ξ in Ω += max(ω, 0)/((θ_end − θ_start)² + ξ): keeps a weight that hardly moved from being all-important"),
    form: z
      .enum(["path", "published"])
      .default("path")
      .describe(
        "path: ω −= gradient of the task · change really made; published: ω += rate · gradient², this penalty's own included, as arXiv:2408.14471's code",
      ),
    ...anchorOptions,
  }),
  build({ c, xi, form, anchor, offload }) {
    const place = placeOf({ offload });
    const pull = (name: string, weight: Tensor, { importance, start, expert }: Memory) =>
      springOn(name, weight, { stiffness: 2 * c, anchor: expert ?? start, importance });
    const contribution = (name: string, { step, now, memory, gradient }: Move): Tensor => {
      const before = step.before?.get(name) as Tensor;
      if (form === "path") return mul(gradient, sub(before, now.get(name) as Tensor));
      const own = pull(name, before, memory);
      const whole = own ? add(gradient, own.gradient) : gradient;
      return mulNumber(mul(whole, whole), step.learningRate(name));
    };
    return {
      // Its copies of the weights are in no published table.
      budget: { published: "si" },
      init: (): Memory => ({ path: new Map(), start: new Map(), importance: null, expert: null }),
      startTask: (task, { importance, expert }: Memory): Memory => ({
        path: new Map([...learnedWeights(task)].map(([name, weight]) => [name, scope(() => place(zerosLike(weight)))])),
        start: learnedSnapshot(task, place),
        importance,
        expert,
      }),
      penalty: pull,
      needsBefore: true,
      afterStep(step, memory: Memory): Memory {
        const now = allWeights(step.model);
        const path = [...memory.path].map(([name, sum]): readonly [string, Tensor] => {
          const gradient = step.gradients.get(name);
          if (!gradient) return [name, sum];
          const move = (): Tensor => contribution(name, { step, now, memory, gradient: to(gradient, "float32") });
          return [name, scope(() => place(add(fromHost(sum, gradient.device), move())))];
        });
        return { ...memory, path: new Map(path) };
      },
      endTask(task, { path, start, importance }: Memory): Memory {
        const gained = (name: string, end: Tensor): Tensor =>
          scope(() => {
            const here = (of: Weights): Tensor => fromHost(of.get(name) as Tensor, end.device);
            const moved = sub(end, here(start));
            return place(div(clampMin(here(path), 0), addNumber(mul(moved, moved), xi)));
          });
        const fresh = new Map([...learnedWeights(task)].map(([name, end]) => [name, gained(name, end)]));
        const sum = importance ? runningImportance(importance, fresh, { keep: 1, share: 1, place }) : fresh;
        return { path: new Map(), start: new Map(), importance: sum, expert: anchor === "expert" ? learnedSnapshot(task, place) : null };
      },
    };
  },
});
